"""Where notifications go: the topic ``alerts``, webhooks, and chats and mailboxes. None of them knows of routes."""

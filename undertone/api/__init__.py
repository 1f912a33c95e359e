"""The read API: trends, stories and alerts over HTTP as JSON, and alerts as they come. It never changes what it shows.

Whoever imports a module of it needs the extra ``api``; ``undertone api`` says so where it is missing.
"""

"""What surrounds every page: masthead, navigation, freshness, who reads and how, and the states before any data."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class Shell(Words):
    """Words of the frame around the pages."""

    title = Phrase("Undertone", "Undertone")
    tagline = Phrase("What financial news and comments are saying, as they say it", "实时倾听财经新闻与评论的声音")
    opening = Phrase("Opening the page …", "正在打开页面……")

    # Navigation.
    now = Phrase("Now", "当前")
    trends = Phrase("Trends", "趋势")
    stories = Phrase("Stories", "报道")
    alerts = Phrase("Alerts", "警报")
    rules = Phrase("Rules", "规则")
    models = Phrase("Models", "模型")
    pipeline = Phrase("Pipeline", "流水线")

    # How the reader reads.
    reading = Phrase("Language, time zone", "语言与时区")
    tongue = Phrase("Language", "语言")
    zone = Phrase("Time zone", "时区")
    zone_browser = Phrase("{zone} (this device)", "{zone}（本设备）")
    times_in = Phrase("Times in {zone} ({offset})", "时间均为 {zone}（{offset}）")

    # Who reads.
    sign_in = Phrase("Sign in", "登录")
    sign_out = Phrase("Sign out", "退出登录")
    signed_in = Phrase("{name}, {role}", "{name}，{role}")
    viewer = Phrase("viewer", "访客")
    analyst = Phrase("analyst", "分析员")
    admin = Phrase("administrator", "管理员")
    sign_in_title = Phrase("Please sign in", "请先登录")
    sign_in_text = Phrase("This dashboard is for people that its owner has listed.", "本看板仅对名单内的人员开放。")
    not_listed_title = Phrase("You are not on the list", "您不在名单中")
    not_listed_text = Phrase(
        "You are signed in as {name}. Ask whoever runs this dashboard to add you to its roles file.",
        "您以 {name} 登录。请联系看板管理员将您加入角色文件。",
    )
    sign_in_missing = Phrase(
        "Sign-in is asked for, but secrets.toml has no [auth] with a provider. docs/dashboard.md says how.",
        "已要求登录，但未配置身份提供方：secrets.toml 缺少 [auth]。参见 docs/dashboard.md。",
    )
    may_not = Phrase("This needs the role {role}; yours is {mine}.", "此操作需要{role}角色；您的角色是{mine}。")

    # How fresh the page is.
    live = Phrase("Live", "实时")
    quiet = Phrase("No new data for {age}", "已有{age}没有新数据")
    no_worker = Phrase("No worker is running", "没有工作进程在运行")
    waiting = Phrase("Waiting for the first message", "等待第一条消息")
    event_time = Phrase("event time {when}", "事件时间 {when}")
    data_age = Phrase("data {age} old", "数据延迟 {age}")
    away = Phrase("Store away for {gone}", "存储已离线 {gone}")

    # When Redis is away.
    away_title = Phrase("The store is not answering", "存储没有响应")
    away_text = Phrase(
        "Redis cannot be reached. Nothing is lost: counting goes on from Kafka when it returns.",
        "无法连接 Redis。数据不会丢失：恢复后将从 Kafka 继续计数。",
    )
    away_last = Phrase(
        "This page shows what was read {gone} ago; the newest data was {age} old then.",
        "本页显示的是 {gone} 前读取的内容；当时最新数据已有 {age}。",
    )
    away_never = Phrase("This page has not seen any data since it was started.", "本页自启动以来尚未读到任何数据。")
    away_retry = Phrase(
        "Trying again every {n} s. If it stays like this: undertone doctor",
        "每{n}秒重试一次。若仍未恢复，请运行：undertone doctor",
    )
    section_away = Phrase(
        "This part could not be read just now. It tries again by itself.", "这一部分暂时无法读取，稍后会自动重试。"
    )
    settings_title = Phrase("A setting cannot be used", "有一项设置无法使用")

    # Before any data.
    empty_title = Phrase("Nothing has been counted yet", "尚无任何计数")
    empty_text = Phrase(
        "The store is up and empty. As soon as a worker counts messages, they appear here.",
        "存储已启动但为空。工作进程开始计数后，内容会显示在这里。",
    )
    empty_try = Phrase("To see it work, send something or replay a file:", "可以发送消息或回放文件来试一试：")

    # Taking figures along.
    export = Phrase("Export", "导出")
    csv = Phrase("CSV", "CSV")
    parquet = Phrase("Parquet", "Parquet")
    views = Phrase("Saved views", "已存视图")
    save_view = Phrase("Save this view", "保存当前视图")
    view_name = Phrase("Name of the view", "视图名称")
    delete_view = Phrase("Delete", "删除")
    no_views = Phrase("None yet.", "暂无。")
    save = Phrase("Save", "保存")

"""Units, sentiments, streams and the like: the words that every page uses."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class Units(Words):
    """Words for figures and their kinds."""

    under = Phrase("under {age}", "不到{age}")
    under_a_second = Phrase("under 1 s", "不到1秒")
    seconds = Phrase("{n} s", "{n}秒")
    minutes = Phrase("{n} min", "{n}分钟")
    hours = Phrase("{n} h", "{n}小时")
    days = Phrase("{n} d", "{n}天")
    million = Phrase("{n} M", "{n}百万")
    one_in = Phrase("1 in {n}", "{n}分之一")
    almost_none = Phrase("under 0.1", "不到0.1")
    one_in_million = Phrase("1 in over a million", "不到百万分之一")
    date = Phrase("{day} {name}", "{month}月{day}日")
    date_year = Phrase("{day} {name} {year}", "{year}年{month}月{day}日")

    negative = Phrase("Negative", "负面")
    neutral = Phrase("Neutral", "中性")
    positive = Phrase("Positive", "正面")
    net = Phrase("Net sentiment", "净情绪")
    negative_share = Phrase("Negative share", "负面占比")
    stories = Phrase("Stories", "报道")
    messages = Phrase("Messages", "消息")
    topic = Phrase("Topic", "主题")
    entity = Phrase("Company", "公司")
    stream = Phrase("Stream", "来源流")
    range = Phrase("Range", "时间范围")
    all = Phrase("All", "全部")
    news = Phrase("News", "新闻")
    comments = Phrase("Comments", "评论")
    all_topics = Phrase("All topics", "全部主题")
    whole_news = Phrase("The whole of news", "全部新闻")
    whole_comments = Phrase("The whole of comments", "全部评论")
    all_entities = Phrase("All companies", "全部公司")
    opens = Phrase("opens in a new tab", "在新标签页中打开")
    critical = Phrase("Critical", "严重")
    warning = Phrase("Warning", "预警")
    pending = Phrase("Pending", "待定")
    firing = Phrase("Firing", "告警中")
    acknowledged = Phrase("Acknowledged", "已确认")
    resolved = Phrase("Resolved", "已结束")

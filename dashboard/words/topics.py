"""Names of the topics that the shipped task knows, in the languages other than that of the label set itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dashboard.words import Language

TOPIC_NAMES: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {},
    "zh": {
        "Analyst Update": "分析师观点",
        "Fed | Central Banks": "美联储 / 央行",
        "Company | Product News": "公司 / 产品新闻",
        "Treasuries | Corporate Debt": "国债 / 公司债",
        "Dividend": "股息",
        "Earnings": "业绩",
        "Energy | Oil": "能源 / 石油",
        "Financials": "财务数据",
        "Currencies": "外汇",
        "General News | Opinion": "综合新闻 / 观点",
        "Gold | Metals | Materials": "黄金 / 金属 / 材料",
        "IPO": "首次公开募股",
        "Legal | Regulation": "法律 / 监管",
        "M&A | Investments": "并购 / 投资",
        "Macro": "宏观经济",
        "Markets": "市场",
        "Politics": "政治",
        "Personnel Change": "人事变动",
        "Stock Commentary": "个股评论",
        "Stock Movement": "股价变动",
    },
}
"""By language and label; a label that is not here is said as the model's task spells it."""

"""The page Models."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class Models(Words):
    """Words of models, their figures, the shadow and promotions."""

    view = Phrase("View", "视图")
    view_models = Phrase("Models", "模型")
    view_labels = Phrase("Label queue", "标注队列")

    title = Phrase("Who serves", "当前服务")
    champion = Phrase("Champion", "冠军模型")
    challenger = Phrase("Challenger, in shadow on {share} of the texts", "挑战者，影子运行于{share}的文本")
    no_challenger = Phrase("No challenger runs in shadow.", "没有挑战者在影子运行。")
    shipped = Phrase("shipped", "随附")
    no_registry = Phrase(
        "No registry is named (UNDERTONE_REGISTRY): the model that ships serves, and none can be promoted.",
        "未指定模型库（UNDERTONE_REGISTRY）：由随附模型提供服务，无法晋级其他模型。",
    )
    unreadable = Phrase("The registry cannot be read: {reason}", "无法读取模型库：{reason}")
    since = Phrase("since {when}, by {by}", "自{when}起，由{by}设置")
    trained_on = Phrase("trained on {sources}", "训练数据：{sources}")
    size = Phrase("{task} · {mb} MB · {heads}", "{task} · {mb} MB · {heads}")
    research = Phrase("research only: its sources' licences allow no other use", "仅限研究：其数据许可不允许其他用途")
    reported = Phrase("Workers report: {versions}.", "工作进程上报：{versions}。")
    reported_other = Phrase(
        "A worker still serves another version; it takes the champion up by itself.",
        "有工作进程仍在使用其他版本，将自动切换到冠军模型。",
    )

    figures = Phrase("Figures", "指标")
    figures_note = Phrase("on sets that it was not trained on", "基于未参与训练的数据集")
    held_out = Phrase("held-out part of the training data", "训练数据的留出部分")
    head_topic = Phrase("topic", "主题")
    head_sentiment = Phrase("sentiment", "情绪")
    head_entity = Phrase("sentiment towards a company", "对公司的情绪")
    column_set = Phrase("Set", "数据集")
    column_rows = Phrase("Texts", "文本数")
    column_accuracy = Phrase("Accuracy", "准确率")
    column_f1 = Phrase("Macro-F1", "宏平均F1")
    column_ece = Phrase("Calibration error", "校准误差")
    note_accuracy = Phrase("Share of texts whose label was right.", "标签判断正确的文本占比。")
    note_f1 = Phrase(
        "Mean of F1 over the classes: rare ones weigh as much as common ones.", "各类F1的平均：罕见类与常见类同等重要。"
    )
    note_ece = Phrase(
        "How far its probabilities are from how often it is right, on average. 0 is perfect.",
        "其概率与实际正确率的平均差距，0为完美。",
    )
    challenger_column = Phrase("challenger {figure}", "挑战者 {figure}")
    by_class = Phrase("By class", "按类别")
    which = Phrase("Set and question", "数据集与问题")
    no_by_class = Phrase(
        "This model's manifest holds no figures by class; those that `undertone train evaluate` writes from now on do.",
        "该模型的清单不含分类别指标；今后由 undertone train evaluate 发布的模型将包含。",
    )
    column_class = Phrase("Class", "类别")
    column_precision = Phrase("Precision", "精确率")
    column_recall = Phrase("Recall", "召回率")
    column_class_f1 = Phrase("F1", "F1")
    note_precision = Phrase(
        "Of the texts that got this label, the share that has it.", "被判为该类的文本中确属该类的占比。"
    )
    note_recall = Phrase(
        "Of the texts that have this label, the share that got it.", "属于该类的文本中被正确判出的占比。"
    )
    confusion = Phrase("Confusion", "混淆矩阵")
    confusion_note = Phrase("rows: what the text is; columns: what the model said", "行：实际类别；列：模型判断")
    reliability = Phrase("Reliability", "可靠性")
    reliability_note = Phrase(
        "how often it was right when it was so sure; on the line is perfect", "在该置信度下的实际正确率；落在线上为完美"
    )
    reliability_sure = Phrase("sure", "置信度")
    reliability_right = Phrase("right", "正确率")
    reliability_rows = Phrase("{n} texts", "{n}条文本")
    reliability_alt = Phrase("Reliability diagram: {points}", "可靠性图：{points}")

    shadow = Phrase("Shadow: where the challenger differs", "影子运行：挑战者的不同判断")
    shadow_note = Phrase("last 24 h of event time, {stream}", "事件时间过去24小时，{stream}")
    shadow_none = Phrase("No challenger ran in shadow in the last 24 h.", "过去24小时没有挑战者影子运行。")
    shadow_pair = Phrase("{challenger} against {champion}", "{challenger} 对比 {champion}")
    shadow_counts = Phrase(
        "{n} compared; {sentiment} with another sentiment, {topic} with another topic; {skipped} skipped while busy",
        "比较{n}条；情绪不同{sentiment}，主题不同{topic}；忙碌时跳过{skipped}条",
    )
    shadow_confusion = Phrase("rows: champion; columns: challenger", "行：冠军；列：挑战者")
    shadow_examples = Phrase("Examples", "示例")
    shadow_example = Phrase("{before} → {after}", "{before} → {after}")

    history = Phrase("History", "变更记录")
    no_history = Phrase(
        "No change yet: the model that ships has served all along.", "暂无变更：一直由随附模型提供服务。"
    )
    did_promote = Phrase("promoted {version}", "晋级 {version}")
    did_challenge = Phrase("put {version} in shadow", "让 {version} 影子运行")
    did_rollback = Phrase("rolled back to {version}", "回滚到 {version}")
    did_retire = Phrase("took {version} out of the shadow", "让 {version} 退出影子运行")

    change = Phrase("Change who serves", "变更服务模型")
    look_only = Phrase(
        "You may look. Changing who serves needs the role {role}.", "您可以查看。变更服务模型需要{role}角色。"
    )
    promote = Phrase("Promote", "晋级")
    put_in_shadow = Phrase("Put in shadow", "影子运行")
    rollback = Phrase("Roll back", "回滚")
    rollback_to = Phrase("To {version}.", "回滚到 {version}。")
    retire = Phrase("End the shadow", "结束影子运行")
    version = Phrase("Version", "版本")
    share = Phrase("Share of the texts, per cent", "文本占比（%）")
    why = Phrase("Why (kept in the history)", "原因（记入变更记录）")
    allow_research = Phrase("Nobody else is served: allow research only models", "仅供自用：允许仅限研究的模型")
    no_other = Phrase("The registry has no other version.", "模型库中没有其他版本。")
    done_promote = Phrase(
        "{version} is the champion; workers take it up as they run.", "{version} 成为冠军，工作进程将自动切换。"
    )
    done_challenge = Phrase("{version} runs in shadow.", "{version} 已开始影子运行。")
    done_rollback = Phrase("{version} is the champion again.", "{version} 重新成为冠军。")
    done_retire = Phrase("Nothing runs in shadow any more.", "已没有模型影子运行。")


class Labelling(Words):
    """Words of the label queue."""

    title = Phrase("Label queue", "标注队列")
    note = Phrase(
        "One key for each answer; the next text appears at once. What the model said is not shown: it would lead you.",
        "每个答案一个按键，随即显示下一条。不显示模型的判断，以免产生引导。",
    )
    look_only = Phrase("Labelling needs the role {role}.", "标注需要{role}角色。")
    empty = Phrase(
        "Nothing is uncertain or disputed in the last {span} that you have not judged. Come back later.",
        "过去{span}内没有您尚未判断的不确定或有争议的文本，请稍后再来。",
    )
    uncertain = Phrase("the model was {p} sure", "模型置信度{p}")
    disputed = Phrase("people disagree about its {about}", "人们对其{about}意见不一")
    number = Phrase("text {n} of this visit", "本次第{n}条")
    length = Phrase("{n} characters: scroll to read them all", "共{n}个字符：请滚动阅读全文")
    progress = Phrase("{done} given in this visit, {left} to go", "本次已标注{done}条，剩余{left}条")
    waiting = Phrase("{n} on their way to Kafka", "{n}条正发往 Kafka")
    kafka_away = Phrase(
        "Kafka is not answering: disputed texts cannot be read, and labels wait in the store.",
        "Kafka 没有响应：无法读取有争议的文本，标注暂存于存储中。",
    )
    topic = Phrase("Its topic, if you say that too", "主题（可选）")
    topic_unsaid = Phrase("not said", "不标注")
    skip = Phrase("Skip", "跳过")
    undo = Phrase("Take the last one back", "撤回上一条")
    given = Phrase("{label}: kept.", "{label}：已保存。")
    undone = Phrase("Taken back.", "已撤回。")

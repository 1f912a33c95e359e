"""An explanation as a picture: SVG, an HTML page, or PNG. Blue words speak for the label, orange ones against it.

Colour never stands alone: a raised + or − and a line under the word say the same. All text is escaped, so hostile text
stays text.
"""

import io
import warnings
from html import escape
from pathlib import Path
from typing import Any

from undertone.errors import InputError
from undertone.explain.explanation import Explanation
from undertone.explain.layout import COLUMNS, fit, laid_out, legend, pieces, wrapped

FORMATS = (".svg", ".html", ".png")
_CELL, _LINE, _MARGIN = 9, 34, 24  # px
_STYLE = "font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:15px"


def write(explanation: Explanation, file: Path) -> None:
    """Write the picture in the format that the file's name tells, one of FORMATS.

    Raises:
        InputError: if the name tells none, the file cannot be written, or PNG is wanted without matplotlib.
    """
    makers = {".svg": lambda one: svg(one).encode(), ".html": lambda one: html(one).encode(), ".png": png}
    maker = makers.get(file.suffix.lower())
    if maker is None:
        raise InputError(f"The picture {file} has a name that tells no format; valid are {', '.join(FORMATS)}")
    data = maker(explanation)
    try:
        file.write_bytes(data)
    except OSError as error:
        raise InputError(f"The picture {file} cannot be written: {error.strerror}. Give another place") from error


def svg(explanation: Explanation) -> str:
    """Return the picture as SVG, without scripts, links or anything from outside."""
    words = list(laid_out(explanation))
    told, below_it = wrapped(explanation.sentence), wrapped(legend(explanation))
    rows = words[-1].line + 1 if words else 0
    height = 2 * _MARGIN + rows * _LINE + (len(told) + len(below_it)) * 24
    width = 2 * _MARGIN + COLUMNS * _CELL
    label = escape(fit(explanation.sentence))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{label}" style="{_STYLE}" xml:space="preserve">',
        f"<title>{label}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for piece in words:
        x, y, wide = _MARGIN + piece.column * _CELL, _MARGIN + piece.line * _LINE + 16, piece.width * _CELL
        if piece.colour:
            parts.append(
                f'<rect x="{x}" y="{y - 15}" width="{wide}" height="20" rx="3" fill="{piece.colour}" '
                f'fill-opacity="{0.1 + 0.3 * piece.strength:.2f}"/>'
                f'<line x1="{x}" y1="{y + 7}" x2="{x + wide}" y2="{y + 7}" stroke="{piece.colour}" '
                f'stroke-width="{1 + 2 * piece.strength:.1f}"/>'
            )
        if piece.text.strip():
            parts.append(
                f'<text x="{x}" y="{y}" textLength="{wide}" lengthAdjust="spacingAndGlyphs" fill="#1a1a1a">'
                f"{escape(piece.text)}</text>"
            )
    below = _MARGIN + rows * _LINE + 24
    for number, one in enumerate([*told, *below_it]):
        colour = "#1a1a1a" if number < len(told) else "#5a5a5a"
        parts.append(f'<text x="{_MARGIN}" y="{below + number * 24}" fill="{colour}">{escape(one)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def html(explanation: Explanation) -> str:
    """Return a page of its own with the text, each word's weight on hovering, the sentence, and a table of weights."""
    marked = []
    for piece in pieces(explanation):
        text = escape(piece.text)
        if piece.colour:
            shade = f"{piece.colour}{round(255 * (0.1 + 0.3 * piece.strength)):02x}"
            marked.append(
                f'<mark style="background:{shade};border-bottom:{1 + 2 * piece.strength:.1f}px solid {piece.colour}" '
                f'title="{_signed(piece.weight)}">{text}</mark>'
            )
        else:
            marked.append(text)
    rows = "".join(
        f"<tr><td>{escape(fit(word.word))}</td><td>{_signed(word.weight)}</td></tr>" for word in explanation.words
    )
    sentence = escape(fit(explanation.sentence))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{sentence}</title>
<style>
body {{ font: 16px/1.7 system-ui, sans-serif; max-width: 44em; margin: 2em auto; padding: 0 1em;
  color: #1a1a1a; background: #fff }}
mark {{ color: inherit; border-radius: 3px; padding: 0 .15em }}
td {{ padding: 0 1.5em 0 0 }} td + td {{ text-align: right; font-variant-numeric: tabular-nums }}
small {{ color: #5a5a5a }}
</style>
<p>{"".join(marked)}</p>
<p><strong>{sentence}</strong></p>
<table>{rows}</table>
<p><small>{escape(legend(explanation))}</small></p>
</html>
"""


def png(explanation: Explanation) -> bytes:
    """Return the picture as PNG. Raises InputError where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle
    except ImportError as error:
        raise InputError(
            "A picture in PNG needs matplotlib, which is not installed. Install it with: pip install matplotlib; "
            "or ask for .svg or .html"
        ) from error
    words = list(laid_out(explanation))
    told = [*wrapped(explanation.sentence), *wrapped(legend(explanation))]
    rows = words[-1].line + 1 if words else 0
    wide, high = 2 * _MARGIN + COLUMNS * _CELL, 2 * _MARGIN + rows * _LINE + len(told) * 24
    figure = Figure(figsize=(wide / 100, high / 100), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, wide), ylim=(high, 0))
    axes.axis("off")
    font: dict[str, Any] = {"family": "monospace", "fontsize": 10.8, "parse_math": False, "va": "baseline"}
    for piece in words:
        x, y = _MARGIN + piece.column * _CELL, _MARGIN + piece.line * _LINE + 16
        if piece.colour:
            box = Rectangle((x, y - 15), piece.width * _CELL, 20, color=piece.colour, alpha=0.1 + 0.3 * piece.strength)
            axes.add_patch(box)
            axes.plot([x, x + piece.width * _CELL], [y + 7, y + 7], color=piece.colour, lw=1 + 2 * piece.strength)
        axes.text(x, y, piece.text, color="#1a1a1a", **font)
    for number, one in enumerate(told):
        axes.text(_MARGIN, _MARGIN + rows * _LINE + 24 * (number + 1), one, color="#1a1a1a", **font)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # matplotlib's font lacks Chinese: boxes, where SVG has letters
        canvas.print_png(out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def _signed(weight: float) -> str:
    return f"{weight:+.3f}".replace("-", "−")

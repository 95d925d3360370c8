"""What pictures are drawn with: SVG elements, and the frame that fits the screen."""

from __future__ import annotations

from stream.report.html import Html, element, join

CHAR_WIDTH = 8.2
"""Of the pictures' type, in pixels: that of a wide bold face, so that nothing is cut."""
LINE_HEIGHT = 16.0


def both_widths(wide: Html, narrow: Html) -> Html:
    """Put a picture in twice; the style sheet shows the one that fits the screen."""
    return join(
        [
            element("div", wide, class_="wide"),
            element("div", narrow, class_="narrow"),
        ]
    )


def picture(width: float, height: float, alt: str, *content: object) -> Html:
    """Frame a picture; what is in it is for the eye, `alt` for the ear."""
    return element(
        "svg",
        *content,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=alt,
        class_="picture",
    )


def label(x: float, y: float, content: object, style: str = "", anchor: str = "start") -> Html:
    """Write into a picture."""
    return element(
        "text", content, x=f"{x:.1f}", y=f"{y:.1f}", class_=style or None, text_anchor=anchor
    )


def across_line(x1: float, x2: float, y: float, style: str) -> Html:
    """Draw a line from left to right."""
    y_ = f"{y:.1f}"
    return element("line", x1=f"{x1:.1f}", x2=f"{x2:.1f}", y1=y_, y2=y_, class_=style)


def down_line(x: float, y1: float, y2: float, style: str) -> Html:
    """Draw a line from top to foot."""
    x_ = f"{x:.1f}"
    return element("line", x1=x_, x2=x_, y1=f"{y1:.1f}", y2=f"{y2:.1f}", class_=style)


def circle(x: float, y: float, radius: float, style: str) -> Html:
    """Draw a disc."""
    return element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{radius:.1f}", class_=style)


def shorten(content: str, most: int) -> str:
    """Cut a name that would leave the picture.

    Examples
    --------
    >>> shorten("adaptive_random_forest", 10)
    'adaptive_…'
    """
    return content if len(content) <= most else f"{content[: most - 1]}…"

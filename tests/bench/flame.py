# SPDX-License-Identifier: MIT
"""A flame graph: call stacks as boxes, wide as what they cost, callers below callees. Plain SVG with
a title on each box, which browsers show under the pointer."""

import html
import zlib

WIDTH, ROW, CHAR = 1200, 17, 6.6
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" font-family="monospace"
 font-size="11"><rect width="100%" height="100%" fill="#fffdf8"/><text x="8" y="18"
 font-size="14">{title}</text>
"""
BOX = """<g><title>{name}: {count} ({percent:.2f} %)</title><rect x="{x:.1f}" y="{y}" width="{w:.1f}"
 height="{h}" fill="{fill}" rx="1"/>{text}</g>
"""


def _tree(stacks):
    root = {"count": 0, "kids": {}}
    for stack, count in stacks.items():
        node = root
        node["count"] += count
        for name in stack:
            node = node["kids"].setdefault(name, {"count": 0, "kids": {}})
            node["count"] += count
    return root


def _depth(node, least):
    return 1 + max((_depth(k, least) for k in node["kids"].values() if k["count"] >= least), default=0)


def _color(name):
    """Always the same for a function, warm."""
    h = zlib.crc32(name.encode())
    return f"rgb({205 + h % 50},{90 + (h >> 8) % 120},{40 + (h >> 16) % 40})"


def svg(stacks, title, unit):
    """stacks: {(outermost, ..., innermost): count}; unit divides what the titles say."""
    root = _tree(stacks)
    least = root["count"] / 2000  # narrower boxes can't be seen
    height = 40 + ROW * _depth(root, least)
    parts = [HEAD.format(w=WIDTH, h=height, title=html.escape(title))]

    def draw(node, name, x, row):
        width = (WIDTH - 16) * node["count"] / root["count"]
        shown = name if len(name) * CHAR < width - 4 else name[: max(0, int(width / CHAR) - 1)]
        y = height - 8 - ROW * (row + 1)
        text = f'<text x="{x + 3:.1f}" y="{y + 12}">{html.escape(shown)}</text>' if len(shown) > 2 else ""
        parts.append(BOX.format(name=html.escape(name), count=round(node["count"] / unit, 1), x=x, y=y,
                                percent=100 * node["count"] / root["count"], w=max(width - 0.5, 0.2),
                                h=ROW - 1, fill=_color(name), text=text))  # fmt: skip
        for kid, below in sorted(node["kids"].items()):
            if below["count"] >= least:
                draw(below, kid, x, row + 1)
                x += (WIDTH - 16) * below["count"] / root["count"]

    draw(root, "all", 8, 0)
    return "".join(parts) + "</svg>\n"

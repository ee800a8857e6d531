"""The walks as a chart: horizontal bars in SVG, readable on light and dark ground."""

from html import escape

WIDTH, LABEL, BAR, GAP = 760, 250, 18, 8
OURS, FLOOR, OTHERS = "#d9622b", "#4c9a5b", "#6d8fb5"


def draw(path, panels):
    """Writes a file with one panel below the other: a title and (name, seconds) pairs each."""
    parts, y = [], 10
    for title, bars in panels:
        bars = [(name, seconds) for name, seconds in bars if seconds]
        if not bars:
            continue
        longest = max(seconds for _, seconds in bars)
        y += 16
        parts.append(f'<text x="8" y="{y}" class="title">{escape(title)}</text>')
        y += 8
        for name, seconds in bars:
            length = max(2, (WIDTH - LABEL - 90) * seconds / longest)
            colour = FLOOR if name.startswith("floor") else OURS if name.startswith("fastdiff") else OTHERS
            figure = f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
            middle = y + BAR - 5
            parts.append(f'<text x="{LABEL - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>')
            parts.append(f'<text x="{LABEL + length + 6:.1f}" y="{middle}">{figure}</text>')
            y += BAR + GAP
        y += 12
    style = ("text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}"
             "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}")
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img">\n'
                    f"<style>{style}</style>\n" + "\n".join(parts) + "\n</svg>\n")

"""A chart as a file of its own, for documents that are no report."""

from importlib.resources import files

OPENING = "<svg "


def as_file(chart: str, width: int = 640) -> str:
    """A chart of `charts` as an SVG file: with the style sheet of the reports, light and dark.

    Args:
        chart: one inline SVG.
        width: in pixels, as it is shown by itself.

    Returns:
        The whole text of the file.

    Raises:
        ValueError: if it is no inline SVG.
    """
    if not chart.startswith(OPENING):
        raise ValueError("only an inline SVG can become a file")
    style = files("lexome.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" {chart[len(OPENING) : chart.index(">")]}>'
        f"<style>{style} svg {{ background: var(--panel); padding: 8px; }}</style>"
        f"{chart[chart.index('>') + 1 :]}\n"
    )

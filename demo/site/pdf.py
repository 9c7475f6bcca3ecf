"""The smallest PDF that shows a few lines of text."""

from __future__ import annotations


def make_pdf(lines: list[str]) -> bytes:
    """Return a one-page PDF (ISO 32000-1) of *lines*, which must be ASCII."""
    escaped = [line.replace("\\", r"\\").replace("(", r"\(") for line in lines]
    shown = " T* ".join(f"({line.replace(')', chr(92) + ')')}) Tj" for line in escaped)
    content = f"BT /F1 14 Tf 72 760 Td 22 TL {shown} ET".encode("ascii")
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
            b" /Resources << /Font << /F1 4 0 R >> >> >>"
        ),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
    ]
    return _assemble(bodies)


def _assemble(bodies: list[bytes]) -> bytes:
    data = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    data += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(bodies) + 1)
    data += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(data)

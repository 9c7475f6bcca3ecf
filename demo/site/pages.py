"""The pages of the demo site, as text."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #17324d; --leaf: #1f8a5b; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f3f6f4;
       color: var(--ink); }
header { background: var(--leaf); color: white; padding: 1rem 1.5rem;
         font-weight: 700; }
main { max-width: 32rem; margin: 2rem auto; background: white; padding: 1.5rem;
       border-radius: .75rem; box-shadow: 0 1px 6px #0002; }
label { display: block; margin: .75rem 0 .25rem; }
input { width: 100%; box-sizing: border-box; padding: .6rem; font: inherit;
        border: 1px solid #9ab; border-radius: .4rem; }
button { margin-top: 1.25rem; padding: .6rem 1.5rem; font: inherit; border: 0;
         border-radius: .4rem; background: var(--leaf); color: white; }
#wrong { color: #a22; }
table { width: 100%; border-collapse: collapse; }
td, th { text-align: left; padding: .5rem 0; border-bottom: 1px solid #dde5e0; }
"""


@dataclass(frozen=True, slots=True)
class SiteBill:
    """One bill of the supplier's."""

    number: str
    date: str
    amount: str


BILLS = (
    SiteBill("DE-2026-0412", "2026-09-01", "61.20"),
    SiteBill("DE-2026-0377", "2026-08-01", "58.75"),
    SiteBill("DE-2026-0341", "2026-07-01", "44.10"),
)


def login_page(*, wrong: bool = False) -> str:
    """Return the login form, with a word about the last try if it was *wrong*."""
    refusal = '<p id="wrong">This e-mail and password do not match.</p>'
    return _page(
        "Log in",
        f"""<h1>Log in</h1>{refusal if wrong else ""}
<form id="login" method="post" action="/login">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password"
       autocomplete="current-password" required>
<button>Log in</button></form>""",
    )


def bills_page(user: str) -> str:
    """Return the list of bills that *user* sees."""
    rows = "".join(
        f'<tr data-number="{bill.number}" data-date="{bill.date}"'
        f' data-amount="{bill.amount}"><td>{bill.date}</td><td>{bill.amount} €</td>'
        f'<td><a href="/bills/{bill.number}.pdf">PDF</a></td></tr>'
        for bill in BILLS
    )
    return _page(
        "Your bills",
        f"""<h1>Your bills</h1><p>Logged in as <b id="account">{escape(user)}</b>.
<a href="/logout">Log out</a></p>
<table id="bills"><thead><tr><th>Date</th><th>Amount</th><th></th></tr></thead>
<tbody>{rows}</tbody></table>""",
    )


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} · Demo Energy</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>
<body><header>Demo Energy</header><main>{body}</main></body></html>"""

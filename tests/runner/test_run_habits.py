"""Habits of published konnectors, and bundles of other versions of cozy-clisk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from konnector_runner.browser_choice import BrowserChoice
from konnector_runner.lifecycle import Past
from konnector_runner.limits import RunLimits
from konnector_runner.run import run_konnector
from tests.runner.harness import MemorySource, konnector, raw_konnector, run
from tests.runner.site import Served, page, serve

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "ready",
    [
        "async onWorkerReady() { LISTEN }",
        "onWorkerReady() { LISTEN }",
        "async onWorkerReady() { await null; LISTEN }",
        "onWorkerReady() { addEventListener('DOMContentLoaded', () => { LISTEN }) }",
        "async onWorkerReady() { await this.waitForElementNoReload('p'); LISTEN }",
    ],
)
def test_a_konnector_that_listens_to_the_body_hears_it(
    tmp_path: Path, ready: str
) -> None:
    """At once, as in Cozy's app, where the page has a body by then; or later."""
    listen = """document.body.addEventListener('click', () =>
        this.bridge.emit('workerEvent', { event: 'loginSubmit', payload: 'heard' }))"""
    methods = f"""
    async ensureAuthenticated() {{
        await this.goto(BANK + '/')
        await this.waitForElementInWorker('#here')
        await this.runInWorkerUntilTrue({{ method: 'workReady', timeout: 5000 }})
        for (let i = 0; i < 50 && !this.store.heard; i++) {{
            await this.runInWorker('click', '#here')
        }}
        await this.saveIdentity({{ heard: this.store.heard ?? null }})
    }},
    onWorkerEvent({{ payload }}) {{ this.store.heard = payload }},
    workReady() {{ return document.readyState !== 'loading' }},
    {ready.replace("LISTEN", listen)}
    """
    with serve({"/": page()}) as site:
        report = run(konnector(site, methods), MemorySource(), tmp_path)

    assert report.error is None, report.error
    assert report.identity == {"heard": "heard"}


def test_a_private_tab_may_be_asked_for_with_the_page(tmp_path: Path) -> None:
    """setWorkerState({ incognito }) is setIncognito; something else is told."""
    methods = """
    async ensureAuthenticated() {
        const said = {}
        const cookies = () => this.evaluateInWorker(() => document.cookie)
        await this.goto(BANK + '/')
        said.before = await cookies()
        await this.setWorkerState({ incognito: true, url: BANK + '/other' })
        said.inside = await cookies()
        await this.setWorkerState({ incognito: false, url: BANK + '/other' })
        said.after = await cookies()
        try { await this.setWorkerState({ incognito: 'yes' }) }
        catch (err) { said.odd = err.message }
        await this.saveIdentity(said)
    }
    """
    pages = {"/": page("document.cookie = 'a=1'"), "/other": page()}
    with serve(pages) as site:
        report = run(konnector(site, methods), MemorySource(), tmp_path)

    assert report.identity == {
        "before": "a=1",
        "inside": "",
        "after": "a=1",
        "odd": "setIncognito: argument 1 is not true or false",
    }


# A bundle without cozy-clisk: post-me as it is, with the least that a konnector of
# long ago has, and with what other launchers' additions send beside it.
_OLD = """
const note = value => window.ReactNativeWebView.postMessage(JSON.stringify(value))
let session, next = 0
const send = (action, more) =>
  note({ type: '@post-me', action, sessionId: session, ...more })
for (const message of ['DOMContentLoaded', 'load']) {
  window.addEventListener(message, () => note({ message }))
}
note({ message: 'NEW_WORKER_INITIALIZING' })
note({ type: 4, data: { href: location.href }, messageType: 'rrweb', timestamp: 1 })
note({ type: 'Console', data: { type: 'log', log: 'hello' } })
if (location.protocol !== 'about:') note([1, 'no object'])
const told = payload => send('event', { eventName: 'log', payload })
const waiting = new Map()
const call = (methodName, ...args) => new Promise((resolve, reject) => {
  const requestId = next++
  waiting.set(requestId, { resolve, reject })
  send('call', { requestId, methodName, args })
})
const refusal = asked => asked.then(() => '', err => err.message ?? err)
const methods = {
  setContentScriptType() {},
  async ensureAuthenticated() {
    told({ level: 'info', msg: 'a text', label: null })
    told({ level: 'trace', msg: 'a level of another age' })
    told('x')
    send('event', { eventName: 'other' })
    const more = { unknown: { deep: [1] } }
    await call('setWorkerState', { url: BANK + '/', visible: false, ...more })
    if (await call('runInWorker', 'look') !== 'bank') throw new Error('no worker')
    for (const name of ['getUserAgent', 'constructor', 'toString', '__proto__']) {
      const said = await refusal(call(name))
      const right = `The method "${name}" has not been implemented.`
      if (said !== right) throw new Error(said)
    }
  },
  getUserDataFromWebsite: () => ({ sourceAccountIdentifier: 'old', login: 'more' }),
  look: () => document.title,
  async fetch({ trigger, existingFilesIndex }) {
    const dataUri = 'data:application/pdf;base64,JVBERg=='
    const bill = { filename: 'a.pdf', dataUri, vendorRef: 'r',
                   date: '2024/01/31', amount: 1, vendor: 'V' }
    await call('saveIdentity', undefined)
    const none = await refusal(call('saveFiles', [bill], {}))
    const nothing = await refusal(call('saveFiles', null, {}))
    const options = { fileIdAttributes: ['vendorRef'], contentType: 'application/pdf' }
    const files = await call('saveFiles', [bill, { vendorRef: 'nameless' }], options)
    const bills = await call('saveBills', files, options)
    await call('saveIdentity', { none, nothing, trigger, bills: bills.length,
                                 known: Object.keys(existingFilesIndex) })
  }
}
window.addEventListener('message', async ({ data }) => {
  if (data?.type !== '@post-me') return
  if (data.action === 'handshake-request') {
    session = data.sessionId
    send('handshake-response')
  } else if (data.action === 'call') {
    const answer = { requestId: data.requestId }
    try { answer.result = await methods[data.methodName](...data.args) }
    catch ({ name, message }) { answer.error = { name, message } }
    send('response', answer)
  } else if (data.action === 'response') {
    const { resolve, reject } = waiting.get(data.requestId)
    'error' in data ? reject(data.error) : resolve(data.result)
  }
})
"""


def test_a_bundle_of_another_age_runs_and_what_it_lacks_is_told(tmp_path: Path) -> None:
    """Notes of every kind are passed over; each unknown thing has its own words."""
    title = Served("<title>bank</title>", {"Content-Type": "text/html"})
    past = Past(last_execution="2024-01-01T00:00:00", last_error="LOGIN_FAILED")
    with serve({"/": title}) as site:
        work = run_konnector(
            raw_konnector(_OLD.replace("BANK", f"'{site.bank}'")),
            MemorySource(),
            folder=tmp_path,
            browser=BrowserChoice(),
            account="old",
            past=past,
            limits=RunLimits(run_seconds=60),
        )
        report = asyncio.run(work)

    assert report.error is None, (report.error, report.log)
    assert "info: pilot: a text" in report.log
    assert "warn: saveIdentity: no identity was provided" in report.log
    assert not [line for line in report.log if line.startswith("error")]
    assert report.identity == {
        "none": "Savefiles : No fileIdAttributes",
        "nothing": "Savefiles : No list of files given",
        "trigger": {
            "current_state": {
                "last_execution": "2024-01-01T00:00:00",
                "last_error": "LOGIN_FAILED",
            }
        },
        "bills": 1,
        "known": [],
    }

// A konnector that uses every method of the launcher, each where it can fail: a step
// that does not hold throws, and so the run says which. Built by scripts/setup_konnectors.sh.
import { ContentScript } from 'cozy-clisk/dist/contentscript'
import RequestInterceptor from 'cozy-clisk/dist/contentscript/RequestInterceptor'

const SITE = 'https://www.library.example'

const interceptor = new RequestInterceptor([
  { identifier: 'loans', method: 'GET', url: '/api/loans', serialization: 'json' }
])
interceptor.init()

const must = (what, holds) => {
  if (!holds) throw new Error(`library: ${what}`)
}

class LibraryContentScript extends ContentScript {
  onWorkerReady() {
    document.addEventListener('DOMContentLoaded', () => {
      const form = document.querySelector('form#login')
      form?.addEventListener('submit', () =>
        this.bridge.emit('workerEvent', {
          event: 'loginSubmit',
          payload: {
            login: document.querySelector('#login-name').value,
            password: document.querySelector('#password').value
          }
        })
      )
    })
  }

  onWorkerEvent({ event, payload }) {
    if (event === 'loginSubmit') this.store.submitted = payload
  }

  async ensureAuthenticated({ account }) {
    if (!account) await this.ensureNotAuthenticated()
    await this.bridge.call('setUserAgent', 'Mozilla/5.0 Library Reader')
    await this.setWorkerState({ url: `${SITE}/login`, visible: true })
    await this.waitForElementInWorker('form#login')
    await this.blockWorkerInteractions()
    const credentials = await this.getCredentials()
    must('a password is a handle', credentials.password.startsWith('clisk-handle-'))
    await this.runInWorker('fillText', '#login-name', credentials.login)
    // Not by fillText: in JSON, in the source of a function, under the page's CSP.
    await this.evaluateInWorker(
      given => {
        document.querySelector('#password').value = JSON.parse(given).password
      },
      JSON.stringify({ password: credentials.password })
    )
    const loans = this.waitForRequestInterception('loans')
    await this.runInWorker('click', 'form#login button')
    await this.waitForElementInWorker('#shelf')
    this.store.loans = (await loans).response
    await this.unblockWorkerInteractions()
    await this.setWorkerState({ visible: false })
    must('the agent is set', (await this.runInWorker('readAgent')).includes('Library'))
    return true
  }

  async ensureNotAuthenticated() {
    await this.goto(`${SITE}/logout`)
    await this.waitForElementInWorker('form#login')
    return true
  }

  async checkAuthenticated() {
    return Boolean(document.querySelector('#shelf'))
  }

  async getUserDataFromWebsite() {
    return { sourceAccountIdentifier: this.store.loans.reader }
  }

  async fetch(context) {
    await this.saveCredentials({ ...(await this.getCredentials()), card: 'L-17' })
    await this.tryCookies()
    await this.tryPages()
    await this.collect(context)
    await this.tryAnswers()
    await this.tryIncognito()
  }

  async tryCookies() {
    const all = await this.bridge.call('getCookiesByDomain', '.library.example')
    must('the session cookie is there', all.session?.value === 'open')
    await this.saveCookieToKeychain(all.session)
    const kept = await this.bridge.call('getCookieFromKeychainByName', 'session')
    must('a kept cookie comes back', kept.value === 'open')
    must('the worker sees one', (await this.runInWorker('oneCookie')) === 'open')
    const refused = await this.failure(() => this.getCookiesByDomain('.other.example'))
    must(
      'another domain is refused',
      refused === 'Cookie domain .other.example not declared in the manifest'
    )
  }

  async tryPages() {
    await this.runInWorker('click', '#help')
    await this.waitForElementInWorker('#helped')
    must('a reload is false', (await this.runInWorker('leave')) === false)
    await this.waitForElementInWorker('#shelf')
    await this.runInWorker('remember')
    must('the worker sends to the pilot', this.store.remembered === 'a book')
  }

  async collect(context) {
    must('there is a context', context.account && context.trigger && context.flags)
    await this.shouldFullSync(context)
    const loans = this.store.loans.loans
    const entries = loans.map(loan => ({
      vendorRef: loan.id,
      date: new Date(loan.date),
      amount: loan.fee,
      currency: '€',
      vendor: 'Library',
      filename: `${loan.date}_fee.pdf`,
      fileurl: loan.receipt,
      fileAttributes: { metadata: { carbonCopy: true } },
      shouldReplaceFile: () => false
    }))
    const options = { context, fileIdAttributes: ['vendorRef'], contentType: 'application/pdf' }
    const bills = await this.saveBills(entries, { ...options, subPath: '../2024' })
    must('each loan is a bill', bills.length === loans.length)
    const card = { filename: 'card.txt', vendorRef: 'card', filestream: 'L-17' }
    await this.saveFiles([card], { ...options, contentType: 'text/plain' })
    await this.saveIdentity({ contact: { name: { familyName: 'Reader' } } })
    await this.bridge.call('saveAccountData', { shelf: 3 })
  }

  async tryAnswers() {
    const query = { toDefinition: () => ({ doctype: 'io.cozy.files', selector: {} }) }
    const files = await this.queryAll(query)
    must('files can be asked for', files.some(file => file.name === 'card.txt'))
    const refused = await this.failure(() => this.bridge.call('runServerJob', {}))
    must('there is no server', refused.startsWith('runServerJob'))
    const unknown = await this.failure(() => this.bridge.call('getUserAgent'))
    must(
      'an unknown method is told',
      unknown === 'The method "getUserAgent" has not been implemented.'
    )
  }

  async tryIncognito() {
    await this.bridge.call('setIncognito', true)
    await this.goto(`${SITE}/shelf`)
    must('a private tab is logged out', await this.isElementInWorker('form#login'))
    await this.bridge.call('setIncognito', false)
    await this.goto(`${SITE}/shelf`)
    must('the session is still there', await this.isElementInWorker('#shelf'))
  }

  async failure(ask) {
    try {
      await ask()
    } catch (err) {
      return err.message || err
    }
    return ''
  }

  // In the worker.

  readAgent() {
    return navigator.userAgent
  }

  async oneCookie() {
    const cookie = await this.getCookieByDomainAndName('.library.example', 'session')
    return cookie.value
  }

  async leave() {
    window.location.href = '/shelf'
    await new Promise(() => {})
  }

  async remember() {
    await this.sendToPilot({ remembered: 'a book' })
  }
}

new LibraryContentScript({ requestInterceptor: interceptor }).init({
  additionalExposedMethodsNames: ['readAgent', 'oneCookie', 'leave', 'remember']
})

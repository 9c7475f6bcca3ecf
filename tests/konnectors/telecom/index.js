// In the manner of a telephone company's konnector: it hops over four hosts, writes past
// React's tracker with native setters, listens to the submit of a page that is read at
// once, keeps what was typed, waits for a request of the site's, and downloads each bill
// of two contracts behind cookies. Built by scripts/setup_konnectors.sh.
import { ContentScript } from 'cozy-clisk/dist/contentscript'
import RequestInterceptor from 'cozy-clisk/dist/contentscript/RequestInterceptor'

const interceptor = new RequestInterceptor([
  {
    identifier: 'contracts',
    method: 'GET',
    url: 'api.telecom.example/users/current/contracts',
    serialization: 'json'
  }
])
interceptor.init()

const HOME = 'https://www.telecom.example'
const SPACE = 'https://espace.telecom.example'
const FORM = '[data-testid=login-form]'

class TelecomContentScript extends ContentScript {
  constructor(options) {
    super(options)
    // What bundles of older versions send beside NEW_WORKER_INITIALIZING.
    for (const message of ['DOMContentLoaded', 'load']) {
      window.addEventListener(message, () =>
        window.ReactNativeWebView?.postMessage(JSON.stringify({ message }))
      )
    }
  }

  onWorkerReady() {
    if (document.readyState !== 'loading') {
      this.log('error', 'too late to listen')
      return
    }
    window.addEventListener('DOMContentLoaded', () => {
      document.body.addEventListener(
        'submit',
        () => {
          const login = document.querySelector('[data-testid=input-login]')?.value
          const password = document.querySelector('[data-testid=input-password]')?.value
          this.bridge.emit('workerEvent', {
            event: 'loginSubmit',
            payload: { login, password }
          })
        },
        true
      )
    })
  }

  onWorkerEvent({ event, payload }) {
    if (event === 'loginSubmit') {
      const { login, password } = payload || {}
      if (login && password) this.store.userCredentials = { login, password }
    }
  }

  async ensureAuthenticated({ account }) {
    this.bridge.addEventListener('workerEvent', this.onWorkerEvent.bind(this))
    if (!account) await this.ensureNotAuthenticated()
    if (await this.runInWorker('checkAuthenticated')) return true
    const credentials = await this.getCredentials()
    await this.goto(HOME)
    await this.waitForElementInWorker('a.login')
    await this.clickAndWait('a.login', FORM)
    if (credentials) {
      await this.runInWorkerUntilTrue({
        method: 'autoFill',
        args: [credentials],
        timeout: 10000
      })
    }
    await this.setWorkerState({ visible: true })
    await this.runInWorkerUntilTrue({ method: 'waitForAuthenticated' })
    await this.setWorkerState({ visible: false })
    return true
  }

  async ensureNotAuthenticated() {
    await this.goto(SPACE + '/')
    await this.runInWorkerUntilTrue({ method: 'waitForOneOf' })
    if (!(await this.runInWorker('checkAuthenticated'))) return true
    await this.clickAndWait('a.logout', 'a.login')
    return true
  }

  async getUserDataFromWebsite() {
    await this.waitForElementInWorker('#who')
    const email = await this.runInWorker('readWho')
    return { sourceAccountIdentifier: email }
  }

  async fetch(context) {
    if (this.store.userCredentials) await this.saveCredentials(this.store.userCredentials)
    const request = this.waitForRequestInterception('contracts')
    await this.goto(SPACE + '/bills')
    const { response, url } = await request
    if (!url.includes('/contracts')) throw new Error('telecom: another request')
    for (const contract of response.contracts) {
      const bills = contract.bills.map(bill => ({
        vendorRef: bill.id,
        vendor: 'Telecom',
        date: new Date(bill.date),
        amount: bill.amount / 100,
        currency: '€',
        recurrence: 'monthly',
        filename: `${bill.date}_telecom_${contract.id}_${bill.amount / 100}€.pdf`,
        fileurl: `https://api.telecom.example/bills/${bill.id}/pdf`,
        requestOptions: {
          credentials: 'include',
          headers: { 'X-Telecom-Caller-Id': 'WEB', 'x-csrf': response.csrf }
        },
        fileAttributes: {
          metadata: {
            contentAuthor: 'telecom.example',
            datetime: new Date(bill.date),
            datetimeLabel: 'issueDate',
            isSubscription: true,
            carbonCopy: true
          }
        }
      }))
      await this.saveBills(bills, {
        context,
        fileIdAttributes: ['vendorRef'],
        contentType: 'application/pdf',
        qualificationLabel: 'phone_invoice',
        contract: { id: contract.id, name: contract.name }
      })
    }
    await this.saveIdentity({ contact: { email: [{ address: response.email }] } })
  }

  // In the worker.

  async checkAuthenticated() {
    return Boolean(document.querySelector('#who'))
  }

  async waitForOneOf() {
    for (;;) {
      if (document.querySelector('#who') || document.querySelector('a.login')) return true
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  readWho() {
    return document.querySelector('#who').textContent
  }

  async autoFill({ login, password }) {
    const fill = (element, text) => {
      if (!element) throw new Error('autoFill: no field')
      const setter = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set
      setter.call(element, text)
      element.dispatchEvent(new Event('input', { bubbles: true }))
      element.dispatchEvent(new Event('change', { bubbles: true }))
    }
    fill(document.querySelector('[data-testid=input-login]'), login)
    fill(document.querySelector('[data-testid=input-password]'), password)
    await new Promise(resolve => setTimeout(resolve, 20))
    const button = document.querySelector('[data-testid=submit]')
    if (button.disabled) return false
    button.click()
    return true
  }
}

new TelecomContentScript({ requestInterceptor: interceptor }).init({
  additionalExposedMethodsNames: ['autoFill', 'readWho', 'waitForOneOf']
})

// In the manner of a shop's konnector: it wants to look like a computer, asks for the
// e-mail first and for the password on the next page, does most things by evaluate(),
// logs in again inside fetch, follows a window that the site opens, and takes papers that
// come as attachments. Built by scripts/setup_konnectors.sh.
import { ContentScript } from 'cozy-clisk/dist/contentscript'

const SITE = 'https://www.shop.example'
const DESKTOP = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0'

class ShopContentScript extends ContentScript {
  async ensureAuthenticated() {
    await this.bridge.call('setUserAgent', DESKTOP)
    await this.goto(`${SITE}/orders`)
    await this.waitForElementInWorker('#orders, form')
    if (await this.isElementInWorker('#orders')) return true
    const { email, password } = (await this.getCredentials()) || {}
    await this.runInWorker('fillText', 'input[type=email]', email)
    await this.clickAndWait('#continue', 'input[type=password]')
    await this.runInWorker('fillText', 'input[type=password]', password)
    await this.evaluateInWorker(function check() {
      document.querySelector('#keep').checked = true
    })
    await this.runInWorker('click', '#signin')
    await Promise.race([
      this.waitForElementInWorker('#orders'),
      this.waitForElementInWorker('#wrong')
    ])
    if (await this.isElementInWorker('#wrong')) throw new Error('LOGIN_FAILED')
    return true
  }

  async ensureNotAuthenticated() {
    await this.goto(`${SITE}/logout`)
    return true
  }

  async getUserDataFromWebsite() {
    return { sourceAccountIdentifier: (await this.getCredentials()).email }
  }

  async fetch(context) {
    const agent = await this.evaluateInWorker(() => window.navigator.userAgent)
    if (agent !== DESKTOP) throw new Error('shop: another user agent')
    const languages = await this.evaluateInWorker(() => window.navigator.language)
    if (languages !== 'fr-FR') throw new Error('shop: another language')
    const years = await this.evaluateInWorker(selector => {
      return Array.from(document.querySelectorAll(selector)).map(e => e.value)
    }, '#years option')
    for (const year of years) {
      await this.goto(`${SITE}/orders?year=${year}#list`)
      await this.runInWorkerUntilTrue({ method: 'isYear', args: [year], timeout: 10000 })
      const orders = await this.runInWorker('readOrders')
      await this.saveBills(
        orders.map(order => ({ ...order, date: new Date(order.date) })),
        {
          context,
          keys: ['vendorRef'],
          fileIdAttributes: ['vendorRef'],
          contentType: 'application/pdf',
          qualificationLabel: 'other_invoice',
          subPath: year
        }
      )
    }
    // An attachment that a click starts is no page: the worker stays where it is.
    await this.runInWorker('click', 'a.attachment')
    if (!(await this.isElementInWorker('#orders'))) throw new Error('shop: gone')
    await this.runInWorker('click', 'a.terms')
    await this.waitForElementInWorker('#terms')
  }

  // In the worker.

  isYear(year) {
    return document.querySelector('#orders')?.dataset.year === year
  }

  readOrders() {
    return Array.from(document.querySelectorAll('#orders li')).map(({ dataset }) => ({
      vendorRef: dataset.id,
      vendor: 'shop',
      date: dataset.date,
      amount: parseFloat(dataset.amount),
      currency: 'EUR',
      filename: `${dataset.date}_shop_${dataset.amount}EUR.pdf`,
      fileurl: new URL(`/invoice/${dataset.id}`, document.baseURI).href
    }))
  }
}

const script = new ShopContentScript()
// Bundles from before 0.37 have no such method: the launcher goes on without.
script.getCliskVersion = () => {
  throw new Error('The method "getCliskVersion" has not been implemented.')
}
script.init({ additionalExposedMethodsNames: ['isYear', 'readOrders'] })

// Logs in at NAME and saves the bills. Two copies of this run: the pilot, which
// decides, and the worker, which is in the site's page and has its document. What the
// pilot calls with runInWorker() runs over there.
import { ContentScript } from 'cozy-clisk/dist/contentscript'

const SITE = 'https://SLUG.example'

class SiteContentScript extends ContentScript {
  // --- pilot ---

  async ensureAuthenticated({ account }) {
    if (!account) await this.ensureNotAuthenticated()
    await this.goto(`${SITE}/login`)
    await this.waitForElementInWorker('#login, #bills')
    if (await this.runInWorker('checkAuthenticated')) return true
    const credentials = await this.getCredentials()
    if (!credentials) throw new Error('LOGIN_FAILED')
    // The password is a handle here. It becomes the password in the worker's field.
    await this.runInWorker('fillText', '#email', credentials.login)
    await this.runInWorker('fillText', '#password', credentials.password)
    await this.runInWorker('click', '#login button')
    await this.waitForElementInWorker('#bills, #wrong')
    if (await this.isElementInWorker('#wrong')) throw new Error('LOGIN_FAILED')
    return true
  }

  async ensureNotAuthenticated() {
    await this.goto(`${SITE}/logout`)
    await this.waitForElementInWorker('#login')
    return true
  }

  async getUserDataFromWebsite() {
    return { sourceAccountIdentifier: await this.runInWorker('readAccount') }
  }

  async fetch(context) {
    await this.saveCredentials(await this.getCredentials())
    const bills = await this.runInWorker('readBills')
    await this.saveBills(
      bills.map(bill => ({ ...bill, date: new Date(bill.date) })),
      { context, fileIdAttributes: ['vendorRef'], contentType: 'application/pdf' }
    )
  }

  // --- worker: these see the page ---

  async checkAuthenticated() {
    return Boolean(document.querySelector('#bills'))
  }

  async readAccount() {
    return document.querySelector('#account').textContent.trim()
  }

  async readBills() {
    return Array.from(document.querySelectorAll('#bills tr')).map(row => ({
      vendorRef: row.id,
      date: row.dataset.date,
      amount: Number(row.dataset.amount),
      currency: 'EUR',
      vendor: 'NAME',
      filename: `${row.dataset.date}_${row.id}.pdf`,
      fileurl: row.querySelector('a').href
    }))
  }
}

new SiteContentScript()
  .init({ additionalExposedMethodsNames: ['readAccount', 'readBills'] })
  .catch(err => console.error(err.message))

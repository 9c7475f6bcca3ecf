// The konnector of the demo: logs in at the demo site and saves its bills.
// Written as any CLISK konnector is; it never learns the password it fills in.
import { ContentScript } from 'cozy-clisk/dist/contentscript'

// Replaced when the site has its port: demo/site/konnector.py.
const SITE = 'http://demo-site.invalid'

class DemoContentScript extends ContentScript {
  async ensureAuthenticated({ account }) {
    if (!account) await this.ensureNotAuthenticated()
    await this.goto(`${SITE}/login`)
    await this.waitForElementInWorker('#login, #bills')
    if (await this.runInWorker('checkAuthenticated')) return true
    const credentials = await this.getCredentials()
    if (!credentials) throw new Error('LOGIN_FAILED')
    await this.runInWorker('fillText', '#email', credentials.login)
    await this.runInWorker('fillText', '#password', credentials.password)
    await this.runInWorker('click', '#login button')
    await this.waitForElementInWorker('#bills, #wrong')
    if (await this.isElementInWorker('#wrong')) throw new Error('LOGIN_FAILED')
    this.log('info', 'logged in')
    return true
  }

  async ensureNotAuthenticated() {
    await this.goto(`${SITE}/logout`)
    await this.waitForElementInWorker('#login')
    return true
  }

  async checkAuthenticated() {
    return Boolean(document.querySelector('#bills'))
  }

  async getUserDataFromWebsite() {
    return { sourceAccountIdentifier: await this.runInWorker('readAccount') }
  }

  async readAccount() {
    return document.querySelector('#account').textContent.trim()
  }

  async readBills() {
    return Array.from(document.querySelectorAll('#bills tbody tr')).map(row => ({
      vendorRef: row.dataset.number,
      date: new Date(row.dataset.date),
      amount: Number(row.dataset.amount),
      currency: 'EUR',
      vendor: 'Demo Energy',
      filename: `${row.dataset.date}_DemoEnergy_${row.dataset.amount}EUR.pdf`,
      fileurl: row.querySelector('a').href
    }))
  }

  async fetch(context) {
    await this.saveCredentials(await this.getCredentials())
    const bills = await this.runInWorker('readBills')
    await this.saveBills(
      bills.map(bill => ({ ...bill, date: new Date(bill.date) })),
      {
        context,
        fileIdAttributes: ['vendorRef'],
        contentType: 'application/pdf',
        qualificationLabel: 'energy_invoice'
      }
    )
  }
}

new DemoContentScript().init({
  additionalExposedMethodsNames: ['readAccount', 'readBills']
})

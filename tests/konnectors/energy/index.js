// In the manner of a power company's konnector: the site still has somebody else's
// session, so the launcher has it logged out and in again; there are no credentials yet,
// so a person logs in, and what they type is taken from the submit of a page that is
// read in an instant. Built by scripts/setup_konnectors.sh.
import { ContentScript } from 'cozy-clisk/dist/contentscript'

const SITE = 'https://www.energy.example'

class EnergyContentScript extends ContentScript {
  onWorkerReady() {
    const listen = () => {
      const form = document.querySelector('form#signin')
      form?.addEventListener('submit', () => {
        const { value: login } = form.querySelector('[name=mail]')
        const { value: password } = form.querySelector('[name=word]')
        this.bridge.emit('workerEvent', {
          event: 'loginSubmit',
          payload: { login, password }
        })
      })
    }
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', listen)
    else this.log('error', 'too late to listen')
  }

  async onWorkerEvent({ event, payload }) {
    if (event !== 'loginSubmit') return
    await this.blockWorkerInteractions()
    this.store.userCredentials = payload
  }

  async ensureAuthenticated({ account }) {
    if (!account) await this.ensureNotAuthenticated()
    const credentials = await this.getCredentials()
    await this.goto(`${SITE}/account`)
    await this.runInWorkerUntilTrue({ method: 'waitForPage', timeout: 20000 })
    if (await this.runInWorker('checkAuthenticated')) return true
    if (credentials) await this.runInWorker('handleForm', credentials)
    else await this.showLoginFormAndWait()
    await this.unblockWorkerInteractions()
    return true
  }

  async showLoginFormAndWait() {
    await this.setWorkerState({ visible: true })
    await this.runInWorkerUntilTrue({ method: 'waitForAuthenticated' })
    await this.setWorkerState({ visible: false })
  }

  async ensureNotAuthenticated() {
    await this.goto(`${SITE}/logout`)
    await this.waitForElementInWorker('form#signin')
    return true
  }

  async getUserDataFromWebsite() {
    await this.waitForElementInWorker('[data-who]')
    const sourceAccountIdentifier = await this.evaluateInWorker(
      () => document.querySelector('[data-who]').dataset.who
    )
    return { sourceAccountIdentifier }
  }

  async fetch(context) {
    const { userCredentials } = this.store
    if (!userCredentials) throw new Error('energy: what was typed was not heard of')
    await this.saveCredentials(userCredentials)
    const paper = await this.runInWorker('readPaper')
    await this.saveFiles(
      [{ filename: 'contract.txt', dataUri: paper, vendorRef: 'contract' }],
      { context, fileIdAttributes: ['vendorRef'], contentType: 'text/plain' }
    )
  }

  // In the worker.

  checkAuthenticated() {
    return Boolean(document.querySelector('[data-who]'))
  }

  async waitForPage() {
    while (!document.querySelector('[data-who], form#signin')) {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    return true
  }

  handleForm({ login, password }) {
    document.querySelector('[name=mail]').value = login
    document.querySelector('[name=word]').value = password
    document.querySelector('form#signin').requestSubmit()
  }

  readPaper() {
    return 'data:text/plain;base64,' + btoa('a contract')
  }
}

new EnergyContentScript().init({
  additionalExposedMethodsNames: ['waitForPage', 'handleForm', 'readPaper']
})

// The base of the test konnectors: cozy-clisk itself, under a name that a test's
// few lines of JavaScript can extend. Built by scripts/setup_konnectors.sh.
import { ContentScript } from 'cozy-clisk/dist/contentscript'

globalThis.ContentScript = ContentScript

// A konnector made of the methods that a test gives; what a test wants to know it
// keeps with saveIdentity, which ends in the run's report.
globalThis.runKonnector = (methods, exposed = []) => {
  class TestKonnector extends ContentScript {
    async getUserDataFromWebsite() {
      return { sourceAccountIdentifier: 'someone' }
    }
  }
  Object.assign(TestKonnector.prototype, methods)
  new TestKonnector().init({ additionalExposedMethodsNames: exposed })
}

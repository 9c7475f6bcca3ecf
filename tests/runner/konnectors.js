// The base of the test konnectors: cozy-clisk itself, under a name that a test's
// few lines of JavaScript can extend. Built by scripts/setup_konnectors.sh.
import { ContentScript } from 'cozy-clisk/dist/contentscript'

globalThis.ContentScript = ContentScript

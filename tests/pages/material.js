// A login of Material Web's text fields: inputs in open shadow trees, see-through until
// they are focused. Built by scripts/setup_konnectors.sh.
import '@material/web/button/filled-button.js'
import '@material/web/textfield/outlined-text-field.js'
import '@material/web/textfield/filled-text-field.js'

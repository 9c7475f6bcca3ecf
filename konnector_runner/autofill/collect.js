// Tells what a form looks like to a person: facts only, no decisions.
//
// Runs in a world of our own: the page sees neither these names nor these calls,
// and what it made of its own built-ins does not reach us. Elements are kept by
// number, so that a plan can name them. What is seen of an element is judged by
// sight.js, which stands where SIGHT is. Spec: protocol/autofill.md §2.
(...closedRoots) => {
  const FIELDS = 'input, textarea, select'
  const NOT_FIELDS = new Set(
    ['hidden', 'submit', 'button', 'image', 'reset', 'checkbox', 'radio', 'file',
      'color', 'range'])
  const BUTTONS = 'button, input[type=submit], input[type=button],' +
    ' input[type=image], [role=button], a[href], label, li, td, span, div'
  const MAX_FIELDS = 400
  const MAX_KEYS = 400
  // A form's field named "matches" would hide form.matches, and one named
  // "parentElement" lead us in a ring: members are taken from where they belong.
  const method = (type, name) => {
    const real = type.prototype[name]
    return (on, ...all) => real.apply(on, all)
  }
  const getter = (type, name) => {
    const real = Object.getOwnPropertyDescriptor(type.prototype, name).get
    return on => real.call(on)
  }
  const is = method(Element, 'matches')
  const attribute = method(Element, 'getAttribute')
  const inside = method(Element, 'querySelector')
  const boxOf = method(Element, 'getBoundingClientRect')
  const visible = method(Element, 'checkVisibility')
  const rootOf = method(Node, 'getRootNode')
  const comparePlace = method(Node, 'compareDocumentPosition')
  const contentOf = getter(Node, 'textContent')
  const parentElement = getter(Node, 'parentElement')
  const before = getter(Node, 'previousSibling')
  const openRoot = getter(Element, 'shadowRoot')
  const slotOf = getter(Element, 'assignedSlot')
  const childCount = getter(Element, 'childElementCount')
  const innerText = getter(HTMLElement, 'innerText')
  const page = getter(Document, 'documentElement')(document)
  const body = getter(Document, 'body')(document)
  const kept = []
  const clip = (text, most = 120) =>
    String(text || '').replace(/\s+/g, ' ').trim().slice(0, most)
  const keep = element => kept.push(element) - 1

  // Every element, shadow trees where they hang.
  const rootsOf = new Map(closedRoots.map(root => [root.host, root]))
  const every = []
  const walk = root => {
    for (const element of all(root)) {
      every.push(element)
      const shadow = openRoot(element) || rootsOf.get(element)
      if (shadow) walk(shadow)
    }
  }
  const all = root => root === document
    ? method(Document, 'querySelectorAll')(root, '*')
    : root.querySelectorAll('*')
  walk(document)
  const hostOf = node => {
    const root = rootOf(node)
    return root instanceof ShadowRoot ? root.host : null
  }
  const parentOf = node => slotOf(node) || parentElement(node) || hostOf(node)
  const closest = (element, test) => {
    for (let at = element; at; at = parentOf(at)) if (test(at)) return at
    return null
  }

  // --- what a person sees of an element: sight.js ---
  SIGHT

  // --- words ---
  const words = element =>
    element ? clip(element instanceof HTMLElement ? innerText(element)
      : contentOf(element)) : ''
  const byIds = (element, name) => (attribute(element, name) || '')
    .split(/\s+/).filter(Boolean)
    .map(id => words(rootOf(element).getElementById?.(id))).join(' ')
  const labelOf = element => clip([
    ...[...(element.labels || [])].map(words),
    attribute(element, 'aria-label') || '',
    byIds(element, 'aria-labelledby')
  ].join(' '))
  // What stands just before a field that nobody labelled.
  const beforeOf = element => {
    for (let at = element, up = 0; at && up < 4; at = parentOf(at), up++) {
      for (let sib = before(at); sib; sib = before(sib)) {
        if (sib.nodeType === 1 && (is(sib, FIELDS) ||
          inside(sib, FIELDS))) return ''
        if (sib.nodeType === 1 && is(sib, 'script, style')) continue
        const text = clip(sib.nodeType === 1 ? words(sib) : sib.nodeValue, 80)
        if (text) return text
      }
      if (is(at, 'form, body')) return ''
    }
    return ''
  }

  // --- forms: the element, or else the smallest that holds related fields ---
  const editable = element => is(element, FIELDS) && !NOT_FIELDS.has(element.type)
  const fields = every.filter(editable).slice(0, MAX_FIELDS)
  const formOf = element => element.form || closest(element, at => is(at, 'form')) ||
    closest(element, at => is(at, '[role=form], dialog, [role=dialog]')) || null
  const groups = []
  const groupOf = element => {
    const form = formOf(element)
    const at = groups.indexOf(form)
    return at >= 0 ? at : groups.push(form) - 1
  }

  const fact = element => {
    const box = boxOf(element)
    return {
      element: keep(element),
      form: groupOf(element),
      tag: element.localName,
      type: element.type || '',
      name: clip(attribute(element, 'name')),
      id: clip(element.id),
      autocomplete: clip(attribute(element, 'autocomplete')),
      inputmode: clip(attribute(element, 'inputmode')),
      placeholder: clip(attribute(element, 'placeholder')),
      label: labelOf(element),
      title: clip(attribute(element, 'title')),
      before: beforeOf(element),
      hints: clip(['data-testid', 'data-test', 'data-qa', 'formcontrolname', 'ng-model',
        'aria-describedby']
        .map(name => attribute(element, name) || '').join(' ')),
      pattern: clip(attribute(element, 'pattern')),
      max_length: element.maxLength > 0 ? element.maxLength : 0,
      min_length: element.minLength > 0 ? element.minLength : 0,
      rules: method(Element, 'hasAttribute')(element, 'passwordrules'),
      required: Boolean(element.required),
      read_only: Boolean(element.readOnly),
      disabled: is(element, ':disabled'),
      filled: Boolean(element.value) && element.localName !== 'select',
      focused: rootOf(element).activeElement === element,
      shown: shown(element),
      opacity: opacityOf(element),
      opacity_above: opacityAbove(element),
      x: Math.round(box.left + scrollX),
      y: Math.round(box.top + scrollY),
      width: Math.round(box.width),
      height: Math.round(box.height),
      clipped: clipped(element),
      covered: covered(element),
      hidden_from_readers: Boolean(closest(element,
        at => attribute(at, 'aria-hidden') === 'true' || at.inert)),
      skipped_by_tab: element.tabIndex < 0
    }
  }
  const fieldFacts = fields.map(fact)

  const buttonText = element => clip(is(element, 'input')
    ? element.value || element.alt || ''
    : words(element) || attribute(element, 'aria-label') ||
      attribute(element, 'title') || '', 60)
  const within = (form, selector) => form
    ? every.filter(e => is(e, selector) && (formOf(e) === form))
    : every.filter(e => is(e, selector) && !formOf(e))
  const texts = (form, selector, most, make = words) => within(form, selector)
    .filter(shown).map(make).filter(Boolean).slice(0, most)
  const SUBMIT = 'button:not([type]), button[type=submit], input[type=submit],' +
    ' input[type=image]'
  const isSubmit = e => is(e, SUBMIT)
  const OTHER = 'button[type=button], input[type=button], [role=button], a[class*=btn],' +
    ' a[class*=button], a[onclick]'
  const HEADINGS = 'h1, h2, h3, h4, h5, h6, legend, [role=heading]'
  const headingBefore = form => {
    if (!form) return []
    const earlier = every.filter(e => is(e, HEADINGS) && shown(e) &&
      comparePlace(form, e) & Node.DOCUMENT_POSITION_PRECEDING)
    return earlier.slice(-2).map(words).filter(Boolean)
  }
  // Where the browser would send the form: sites other than this one are told.
  const partsOf = getter(HTMLFormElement, 'elements')
  const baseOf = getter(Node, 'baseURI')
  const targetsOf = form => {
    if (!(form instanceof HTMLFormElement)) return []
    const sent = [attribute(form, 'action'), ...[...partsOf(form)].filter(isSubmit)
      .map(e => attribute(e, 'formaction'))].filter(Boolean)
    const origins = sent.map(to => {
      // Not location.href: a <base> decides where a relative address leads.
      try { return new URL(to, baseOf(document)) } catch { return location }
    }).filter(to => /^https?:$/.test(to.protocol)).map(to => to.origin)
    return [...new Set(origins)].filter(origin => origin !== self.origin).slice(0, 8)
  }
  // Whether the form of *element* is sent where it was when it was looked at.
  const sentAtFirst = new Map(fields.map(e => [e, String(targetsOf(formOf(e)))]))
  const sentAlike = e => String(targetsOf(formOf(e))) === sentAtFirst.get(e)
  const formFact = (form, number) => ({
    number,
    is_form: form instanceof HTMLFormElement,
    id: clip(form && attribute(form, 'id')),
    name: clip(form && attribute(form, 'name')),
    classes: clip(form && attribute(form, 'class')),
    label: form
      ? clip(`${attribute(form, 'aria-label') || ''} ${byIds(form, 'aria-labelledby')}`)
      : '',
    action: clip(form && attribute(form, 'action'), 200),
    targets: targetsOf(form),
    search: Boolean(form && closest(form, at => attribute(at, 'role') === 'search')),
    headings: texts(form, HEADINGS, 6),
    headings_before: headingBefore(form),
    submits: texts(form, SUBMIT, 8, buttonText),
    buttons: within(form, OTHER).filter(e => shown(e) && !isSubmit(e))
      .map(buttonText).filter(Boolean).slice(0, 12),
    links: texts(form, 'a', 20),
    checks: within(form, 'input[type=checkbox]')
      .map(e => clip([labelOf(e), e.name, e.id].join(' '), 160)).slice(0, 6),
    text: clip(form ? words(form) : '', 600)
  })

  // Things a person could press with one digit or letter on them.
  const keys = []
  if (fields.some(e => e.readOnly || e.type === 'password')) {
    for (const element of every) {
      if (keys.length >= MAX_KEYS) break
      if (!is(element, BUTTONS) || childCount(element) > 3) continue
      const label = is(element, 'input') ? element.value
        : words(element) || attribute(element, 'aria-label') || ''
      if ([...clip(label)].length !== 1 || !shown(element)) continue
      if ([...method(Element, 'querySelectorAll')(element, BUTTONS)].some(e => words(e) === words(element))) {
        continue
      }
      const box = boxOf(element)
      if (box.width < 8 || box.height < 8 || opacityAbove(element) < 0.1) continue
      keys.push({ element: keep(element), label: clip(label), form: groupOf(element) })
    }
  }

  // Frames that we can not look into, large enough to hold a login.
  const apart = every.filter(e => {
    if (!is(e, 'iframe') || !shown(e)) return false
    const box = boxOf(e)
    const readable = getter(HTMLIFrameElement, 'contentDocument')(e)
    return !readable && box.width >= 150 && box.height >= 100
  })
  const sandboxed = e => method(Element, 'hasAttribute')(e, 'sandbox')

  globalThis.clisk = { kept, covered, clipped, opacityAbove, opacityOf, wholeField, shown,
    boxOf, words, sentAlike, lookForCovers }
  return JSON.stringify({
    url: location.href,
    origin: self.origin,
    above: [...location.ancestorOrigins],
    sandboxed: window !== top && Boolean(frameElement?.hasAttribute('sandbox')),
    shown: frameShown(),
    strange_frames: apart.length,
    sandboxed_frames: apart.filter(sandboxed).length,
    title: clip(getter(Document, 'title')(document)),
    document_width: Math.max(page.scrollWidth, innerWidth),
    document_height: Math.max(page.scrollHeight, innerHeight),
    headings: texts(null, HEADINGS, 6),
    fields: fieldFacts,
    forms: groups.map(formFact),
    keys
  })
}

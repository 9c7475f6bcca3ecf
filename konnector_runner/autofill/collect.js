// Tells what a form looks like to a person: facts only, no decisions.
//
// Runs in a world of our own: the page sees neither these names nor these calls,
// and what it made of its own built-ins does not reach us. Elements are kept by
// number, so that a plan can name them. Spec: protocol/autofill.md §2.
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

  // --- geometry, as a person sees it ---
  // A field and what it is wrapped in by the component whose shadow tree it is in:
  // components show themselves as a whole, some only when they have the focus.
  const shadowOf = element => openRoot(element) || rootsOf.get(element)
  const wholeField = element => {
    const chain = [element]
    for (let at = parentOf(element), tree = [element]; at; at = parentOf(at)) {
      tree.push(at)
      if (shadowOf(at)) chain.splice(0, chain.length, ...tree.slice(0, -1))
    }
    return chain
  }
  const leastOpacity = elements => Math.min(1,
    ...elements.map(at => Number(getComputedStyle(at).opacity)))
  const opacityOf = element => leastOpacity(wholeField(element))
  const opacityAbove = element => {
    const above = []
    for (let at = parentOf(wholeField(element).at(-1)); at; at = parentOf(at)) above.push(at)
    return leastOpacity(above)
  }
  // Nothing is left of what a filter, a mask or a matrix makes invisible.
  const wiped = style => /opacity\((0?\.0\d*|0|[0-9]%)\)/.test(style.filter) ||
    /^linear-gradient\(rgba\(0, 0, 0, 0\), rgba\(0, 0, 0, 0\)\)/.test(style.maskImage)
  const clipped = element => {
    for (let at = element; at; at = parentOf(at)) {
      const style = getComputedStyle(at)
      if (wiped(style)) return true
      const box = boxOf(at)
      if (/inset\((4[5-9]|[5-9]\d|100)%|circle\(0/.test(style.clipPath)) return true
      if (/^rect\((0px,? ?){3}0px\)$|^rect\(1px/.test(style.clip) &&
        style.position === 'absolute') return true
      const hides = /hidden|clip|scroll|auto/.test(style.overflow)
      if (at !== element && hides && (box.width < 4 || box.height < 4) &&
        at !== page && at !== body) return true
    }
    return false
  }
  const frameShown = () => {
    for (let win = window; win !== win.top; win = win.parent) {
      const frame = win.frameElement
      if (!frame) return false
      const box = boxOf(frame)
      const seen = visible(frame, { visibilityProperty: true })
      if (!seen || box.width < 20 || box.height < 20) return false
      if (Number(win.parent.getComputedStyle(frame).opacity) < 0.1) return false
      if (opacityAbove(frame) < 0.1 || clipped(frame)) return false
    }
    return true
  }
  // A cover that lets clicks through is not met by a hit test: it is looked for.
  const opaque = style => style.backgroundImage !== 'none' ||
    !/^(transparent|rgba\(.*, 0(\.[0-4]\d*)?\))$/.test(style.backgroundColor)
  const isCover = e => {
    const style = getComputedStyle(e)
    return style.pointerEvents === 'none' && /fixed|absolute/.test(style.position) &&
      style.visibility === 'visible' && Number(style.opacity) > 0.5 &&
      !(Number(style.zIndex) < 0) && (opaque(style) || is(e, 'img, canvas, iframe'))
  }
  let covers = every.filter(isCover)
  // What came since: boxes first, for a page may have thousands of elements.
  const lookForCovers = element => {
    const own = boxOf(element)
    const x = own.left + own.width / 2
    const y = own.top + own.height / 2
    covers = [...all(document)].filter(e => {
      const box = boxOf(e)
      return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom &&
        isCover(e)
    })
  }
  // Painted before what the field is in: a positioned sibling that comes later, at the
  // same level or a higher one (CSS 2.2, appendix E). A background is no cover.
  const level = style => Number(style.zIndex) || 0
  const beneath = (cover, element) => closest(element, at => {
    if (at === cover || parentElement(at) !== parentElement(cover) ||
      rootOf(at) !== rootOf(cover)) return false
    const style = getComputedStyle(at)
    return style.position !== 'static' && level(style) >= level(getComputedStyle(cover)) &&
      comparePlace(cover, at) & Node.DOCUMENT_POSITION_FOLLOWING
  })
  const veiled = (element, x, y) => covers.some(cover => {
    const box = boxOf(cover)
    const own = boxOf(element)
    return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom &&
      // An icon, or a label in the middle of its field, hides no more than a part.
      box.width >= own.width * 0.8 && box.height >= own.height * 0.8 &&
      !closest(element, at => at === cover) && !closest(cover, at => at === element) &&
      !beneath(cover, element)
  })
  // Whoever lies at the middle of the element: itself, its label, or a cover.
  const covered = element => {
    const box = boxOf(element)
    const x = box.left + box.width / 2
    const y = box.top + box.height / 2
    if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) return null
    if (veiled(element, x, y)) return true
    let top = method(Document, 'elementFromPoint')(document, x, y)
    const shadow = at => rootsOf.get(at) || openRoot(at)
    while (top && shadow(top)) {
      const inner = shadow(top).elementFromPoint(x, y)
      if (!inner || inner === top) break
      top = inner
    }
    if (!top) return true
    if (closest(top, at => at === element)) return false
    const labels = [...(element.labels || [])]
    if (closest(top, at => labels.includes(at))) return false
    // A bar at an edge moves off when the field is brought to the middle.
    const bar = closest(top, at => /fixed|sticky/.test(getComputedStyle(at).position))
    if (bar && boxOf(bar).height < innerHeight / 3) return null
    // A wrapper drawn over its own field (a floating label, an icon) is no cover:
    // it is small kin, near in the tree and without fields of its own.
    const near = parentOf(parentOf(element) || element)
    const kin = near && closest(top, at => at === near)
    return !(kin && !is(top, 'iframe, object, embed, img, a[href]') &&
      getComputedStyle(top).position !== 'fixed' && !inside(top, FIELDS))
  }
  const shown = element =>
    visible(element, { visibilityProperty: true, contentVisibilityAuto: true })

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

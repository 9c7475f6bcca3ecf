// What a person sees of an element: size, veils, covers, and what it is wrapped in.
//
// Part of collect.js, whose names it uses; hands.js asks it again before each letter.
// Spec: protocol/autofill.md §3.2.
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

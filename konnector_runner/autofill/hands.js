// Types and presses in the world of collect.js, in one document and no other.
//
// Each call checks again, in the same turn in which it writes, that the document,
// the element and the focus are the ones that were looked at: nothing can come in
// between. Spec: protocol/autofill.md §5.
((act, expected, ...all) => {
  const { kept, covered, clipped, opacityAbove, opacityOf, wholeField, shown, boxOf, words,
    sentAlike, lookForCovers } = globalThis.clisk
  const HERE = 'changed'
  const moved = () => self.origin !== expected.origin || location.href !== expected.url
  const usable = element => {
    if (!element.isConnected) return HERE
    if (element.matches(':disabled') || !shown(element) || clipped(element) ||
      opacityAbove(element) < 0.1) return 'unseen'
    const box = boxOf(element)
    if (box.width < 8 || box.height < 8) return 'unseen'
    lookForCovers(element)
    return covered(element) === false ? '' : 'covered'
  }
  // An animation towards being seen counts as seen; one that never ends does not.
  const moving = element => wholeField(element).flatMap(at => at.getAnimations())
  const settled = element => Promise.race([
    Promise.allSettled(moving(element).map(a => a.finished)),
    new Promise(resolve => setTimeout(resolve, 400))
  ])
  const focused = element => element.getRootNode().activeElement === element
  const turn = () => new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => { port1.close(); resolve() }
    port2.postMessage(0)
  })

  const prepare = async (number) => {
    const element = kept[number]
    if (moved() || !element?.isConnected) return HERE
    element.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' })
    const before = usable(element)
    if (before) return before
    element.focus({ preventScroll: true })
    await turn()
    if (moving(element).length) await settled(element)
    if (moved()) return HERE
    const after = usable(element)
    if (after) return after
    if (opacityOf(element) < 0.1) return 'unseen'
    if (element.readOnly) return 'read only'
    return focused(element) ? '' : HERE
  }

  const type = async (number, kind, text) => {
    const element = kept[number]
    const wrong = () => moved() || !focused(element) || element.readOnly ||
      !sentAlike(element) ||
      // A page that shows passwords on demand must not show this one unasked.
      (kind === 'password' && element.type !== 'password')
    if (wrong()) return HERE
    const sight = usable(element)
    if (sight) return sight
    if (element.value === text) return ''
    element.select()
    if (element.value) document.execCommand('delete')
    for (const character of text) {
      if (wrong()) return HERE
      document.execCommand('insertText', false, character)
      await turn()
    }
    return element.value === text ? '' : 'altered'
  }

  // Where to press to send the form of the field that was filled; without a place,
  // the key Enter does it, if the field has still the focus.
  const submit = number => {
    const element = kept[number]
    if (moved() || !element?.isConnected) return { reason: HERE }
    const all = [...(element.form?.elements || [])].filter(e =>
      e.matches('button, input[type=submit], input[type=image]') &&
      e.type === 'submit' && !e.matches(':disabled') && shown(e))
    const found = all.length === 1 ? all : all.filter(e => e.matches('[type=submit]'))
    if (found.length !== 1) return { reason: focused(element) ? 'enter' : HERE }
    return placeOf(found[0])
  }

  const placeOf = element => {
    element.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'instant' })
    const sight = usable(element)
    if (sight) return { reason: sight }
    const box = boxOf(element)
    let x = box.left + box.width / 2
    let y = box.top + box.height / 2
    for (let win = window; win !== win.top; win = win.parent) {
      const frame = boxOf(win.frameElement)
      x += frame.left + win.frameElement.clientLeft
      y += frame.top + win.frameElement.clientTop
    }
    return { reason: '', x, y }
  }

  // Where to press for *label*: the place of the key that shows it now.
  const key = (numbers, label) => {
    if (moved()) return { reason: HERE }
    const shows = element => element.isConnected &&
      (element.matches('input') ? element.value
        : words(element) || element.getAttribute('aria-label') || '').trim() === label
    const found = numbers.map(n => kept[n]).filter(shows)
    if (found.length !== 1) return { reason: HERE }
    return placeOf(found[0])
  }

  return { prepare, type, key, submit }[act](...all)
})

// Resolves when something in the document has changed, or after a while.
(milliseconds) => new Promise(resolve => {
  const watcher = new MutationObserver(() => done(true))
  const timer = setTimeout(() => done(false), milliseconds)
  const done = changed => {
    watcher.disconnect()
    clearTimeout(timer)
    resolve(changed)
  }
  watcher.observe(document, {
    subtree: true, childList: true, attributes: true
  })
})

// Runs before everything else in each new document of the pilot and the worker:
// protocol/konnector-bridge.md §4.1. The bundle stands where BUNDLE is.
//
// The main frame only: a frame inside a page, even of the same site, is not the
// page that the konnector was sent to.
if (window === window.top) {
  (() => {
    const settings = SETTINGS
    const post = window.postMessage.bind(window)
    const send = window[settings.binding]
    const numbers = crypto.getRandomValues(new Uint32Array(2))
    const sessionId = (numbers[0] & 0x1fffff) * 0x100000000 + numbers[1]
    const base = { type: '@post-me', sessionId }
    const request = () => post({ ...base, action: 'handshake-request' }, '*')
    const setType = () =>
      post(
        {
          ...base,
          action: 'call',
          requestId: 0,
          methodName: 'setContentScriptType',
          args: [settings.role, { shouldRecord: false }]
        },
        '*'
      )
    let asks = 0
    let arrived = 0
    let timer
    // Whether the konnector's onWorkerReady ran before the page had a body, and what
    // it ran into. In the Cozy app it runs later, and many expect document.body there.
    let bodiless = false
    const onceMore = () => {
      if (!bodiless) return
      bodiless = false
      if (document.readyState !== 'loading') setType()
      else document.addEventListener('DOMContentLoaded', setType, { once: true })
    }
    window.addEventListener('message', ({ data }) => {
      if (data?.sessionId !== sessionId) return
      if (data.action === 'handshake-request') arrived += 1
      if (data.action === 'call' && data.requestId === 0) {
        bodiless = settings.role === 'worker' && document.body === null
      }
    })
    window.addEventListener('unhandledrejection', ({ reason }) => {
      if (reason instanceof TypeError && /\bnull\b/.test(reason.message)) onceMore()
    })
    const parse = text => {
      try {
        return JSON.parse(text)
      } catch (err) {
        return null
      }
    }
    const isAnswer = text => {
      if (!text.includes('"handshake-response"')) return false
      const message = parse(text)
      return message?.action === 'handshake-response' && message.sessionId === sessionId
    }
    const isRefusal = text => {
      if (!text.includes('"requestId":0,') || !text.includes('"error"')) return false
      const message = parse(text)
      return message?.action === 'response' && message.requestId === 0
    }
    const bridge = {
      postMessage(message) {
        const text = String(message)
        if (text.length > settings.maxMessage) throw new RangeError('message too long')
        send(text)
        if (bodiless && isRefusal(text)) onceMore()
        if (timer !== undefined && isAnswer(text)) {
          clearInterval(timer)
          timer = undefined
          // The type was posted right behind the first request. A bundle that
          // answers a later request began to listen too late to hear it.
          if (arrived > 1) setType()
        }
      }
    }
    Object.defineProperty(window, 'ReactNativeWebView', { value: Object.freeze(bridge) })
    // Both at once: they are handled before DOMContentLoaded, so the konnector's
    // onWorkerReady can still listen for it.
    request()
    setType()
    timer = setInterval(() => {
      asks += 1
      if (asks > settings.asks) clearInterval(timer)
      else request()
    }, settings.askEveryMs)
  })();
  BUNDLE
}

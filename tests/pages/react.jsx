// A login as React applications have it: controlled inputs, a button that wakes up with
// the state, one step or two. Built by scripts/setup_konnectors.sh.
import { useState } from 'react'
import { createRoot } from 'react-dom/client'

const root = document.querySelector('#root')
const { action, next, steps } = root.dataset

const Login = () => {
  const [login, setLogin] = useState('')
  const [password, setPassword] = useState('')
  const [wrong, setWrong] = useState(false)
  const [step, setStep] = useState(steps === '2' ? 'login' : 'whole')
  const submit = async event => {
    event.preventDefault()
    if (step === 'login') return setStep('password')
    if (!action) return
    const answer = await fetch(action, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ login, password })
    })
    if (answer.ok) window.location.href = next
    else setWrong(true)
  }
  return (
    <form onSubmit={submit} data-testid="login-form">
      <h1>Log in</h1>
      {step !== 'password' && (
        <label>
          E-mail
          <input data-testid="input-login" type="text" value={login}
            onChange={e => setLogin(e.target.value)} />
        </label>
      )}
      {step !== 'login' && (
        <label>
          Password
          <input data-testid="input-password" type="password" value={password}
            onChange={e => setPassword(e.target.value)} />
        </label>
      )}
      <button data-testid="submit" disabled={!(step === 'login' ? login : password)}>
        Log in
      </button>
      {wrong && <p role="alert">Wrong password</p>}
      <output>{JSON.stringify({ login, password })}</output>
    </form>
  )
}

createRoot(root).render(<Login />)

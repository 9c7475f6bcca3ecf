fetch('/api/loans').then(answer => answer.json()).then(({ reader }) => (document.title = reader))

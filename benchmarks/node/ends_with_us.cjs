// Loaded before a server: it ends when whoever started it ends or closes its input.
process.stdin.on("end", () => process.exit()).resume();

// A connection to the feed that resumes where it broke off.
//
// The server sends {cursor, event}. Events of type reload mean that something was
// lost: the page loads anew and goes on from the cursor that it got with that.
// What follow() returns ends the connection.

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15000;
// The server says something every 15 seconds; silence is a dead connection.
const SILENCE = 40000;
const NOT_LOGGED_IN = 4401;

export function follow({ path, cursor, onEvent, onState, reload }) {
  let delay = FIRST_DELAY;
  let socket = null;
  let silence = 0;
  let timer = 0;
  let stopped = false;

  function heard() {
    clearTimeout(silence);
    silence = setTimeout(() => socket?.close(), SILENCE);
  }

  function again() {
    clearTimeout(timer);
    // Jitter: after a restart of the server not every page comes at once.
    timer = setTimeout(open, delay * (0.75 + Math.random() / 2));
    delay = Math.min(delay * 2, LONGEST_DELAY);
  }

  async function loadAnew() {
    socket.onmessage = null;
    try {
      cursor = await reload();
      delay = FIRST_DELAY;
    } catch {
      // The server is away: the connection breaks too, and is made again.
    }
    socket.close();
  }

  function take(message) {
    heard();
    const { cursor: next, event } = JSON.parse(message.data);
    if (event.type === "reload") {
      if (next) cursor = next;
      loadAnew();
      return;
    }
    onEvent(event);
    if (next) cursor = next;
  }

  function open() {
    onState("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}${path}?after=${encodeURIComponent(cursor)}`);
    socket.onopen = () => {
      delay = FIRST_DELAY;
      onState("online");
      heard();
    };
    socket.onmessage = take;
    socket.onclose = (reason) => {
      clearTimeout(silence);
      if (stopped) return;
      if (reason.code === NOT_LOGGED_IN) {
        location.reload();
        return;
      }
      onState("offline");
      again();
    };
  }

  // A laptop that wakes up should not wait for the delay.
  addEventListener("online", () => {
    delay = FIRST_DELAY;
    if (!stopped && socket?.readyState === WebSocket.CLOSED) open();
  });
  open();

  return function stop() {
    stopped = true;
    clearTimeout(timer);
    socket.close();
  };
}

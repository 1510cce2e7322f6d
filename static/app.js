// The status page: reads the REST API every two seconds while the tab is visible. Everything that comes from a
// workflow or a service is written as text, never as markup.

const token = () => sessionStorage.getItem('token');

async function get(path) {
  const headers = token() ? { authorization: `Bearer ${token()}` } : {};
  const response = await fetch(path, { headers });
  document.getElementById('login').hidden = response.status !== 401;
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

function fill(id, rows) {
  const lines = rows.map((cells) => {
    const line = document.createElement('tr');
    for (const cell of cells) line.insertCell().textContent = cell ?? '';
    return line;
  });
  document.getElementById(id).replaceChildren(...lines);
}

const time = (text) => (text ? new Date(text).toLocaleTimeString() : '');

async function refresh() {
  const health = document.getElementById('health');
  try {
    const [workflows, services, state] = await Promise.all([
      get('/api/v1/workflows?limit=50'), get('/api/v1/services'), get('/health'),
    ]);
    health.textContent = [state.status, ...state.problems].join(': ');
    fill('workflows', workflows.items.map((w) => [
      w.name, w.status, `${w.completed_tasks} of ${w.total_tasks}`, time(w.started_at), w.id,
    ]));
    fill('services', services.items.map((s) => [
      s.name, s.status, `${s.active_tasks} of ${s.capacity}`, s.tasks_completed, s.tasks_failed,
    ]));
  } catch (error) {
    health.textContent = error.message;
  }
}

document.getElementById('login').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('token', document.getElementById('token').value);
  refresh();
});

refresh();
setInterval(() => document.hidden || refresh(), 2000);

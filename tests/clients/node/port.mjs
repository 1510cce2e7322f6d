// Ports of this machine that nobody else is given.

import { readFileSync } from "node:fs";

const FIRST = 10_240;
const OF_EACH_PROCESS = 16;
let taken = 0;

// Below the ports that the system gives to those who take any: a port of a server that is down is not given away, and
// the server can come back. Each process has some of its own, and begins with the first one again after the last.
export function ownPort() {
  let end = 32_768;
  try {
    end = Number(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split("\t")[0]);
  } catch {
    // Elsewhere than on Linux this is where they usually begin, or below it.
  }
  const processes = Math.max(Math.floor((end - FIRST) / OF_EACH_PROCESS), 1);
  const first = FIRST + (process.pid % processes) * OF_EACH_PROCESS;
  taken += 1;
  return first + ((taken - 1) % OF_EACH_PROCESS);
}

//! How a drill measures, in the words that stand in its document and above its tables. Pure.

/// One paragraph each.
pub fn method() -> Vec<String> {
    PARAGRAPHS.iter().map(|paragraph| (*paragraph).to_owned()).collect()
}

const PARAGRAPHS: [&str; 8] = [
    "The hosts are those of a rehearsal lab: network namespaces with an sshd each, on a switch, with a client and a \
     monitor, all on one machine. The service is set up by `reveille deploy` from its playbook, in a copy of the site \
     whose network is the lab's; there is no hold-down and no daily budget, so that it may be moved as often as its hosts \
     fail, and no rule on the load average, which all hosts of a lab share.",
    "The monitor is `reveille watch`, as it is, in a process of its own in the controller's place, with the interval that \
     is measured. It is not told of the failure.",
    "A failure falls at a random instant between two of the monitor's looks. The interval is cut into as many strata as \
     there are rounds; each gets one failure, at a random place in it, in random order, and a stratum and its mirror image get \
     mirrored places. So each instant alone is as random as any, and the mean over the rounds is not that of a few lucky \
     or unlucky draws. All instants follow from the seed. The \
     looks are read from the monitor's recording, and where the failure really fell between two of them is kept as \
     `phase`.",
    "The failure counts from the instant before the call that makes it; `inject_ms` is how long that call took, so it \
     may have happened that much later. `cut` pulls the cable of the host that serves, `crash` cuts its power, `freeze` \
     stops all its processes while its kernel goes on answering, `kill` kills the service's processes. `overload` breaks \
     the first of the service's own overload rules that can be broken in a lab, with real processes of that name, or \
     real files in that queue; what was done is kept as `how`.",
    "Deterministic time: from the failure until the takeover starts, which is when the monitor says that a failover or \
     switchover begins; it says so in whole milliseconds, rounded down. An overload rule that must hold for N looks \
     takes N - 1 intervals more, and is confirmed by one more look 0.1 s after the last. Hosts are looked at once per \
     interval, but not more often than once a second.",
    "Migration time: from there until a client is served again. The client is the lab's meter in a network of its own: \
     an HTTP GET every 5 ms, a DNS question every 5 ms, or a mail client's dialogue up to the answer to EHLO every 20 ms, \
     each from a connection of its own and sent whatever became of the others. Served again is the end of the first good \
     answer to a request sent after the failure was complete. A host that is overloaded still answers, so there it is the \
     first good answer to a request sent after the new primary had taken the service address.",
    "Response time is the sum of both. `outage_ms` is what the client saw: the longest time between two good answers, of \
     which the later one came after the failure. A round without a takeover, or without a client that is served again, \
     has no figures; it is counted, and not repeated.",
    "All times are by one wall clock, read by several processes of one machine; a drill during which it is set ends with \
     an error. Between two rounds everything is mended, and the next one waits until the service is protected, every host \
     well, and the address held by the primary alone, by the hosts' own consoles.",
];

/// What the figures do not show.
pub const LIMITS: [&str; 4] = [
    "The network is virtual: a bridge, and no switch that would have to learn where an address went, nor cables that lose \
     packets. A real switch adds little, since the new primary announces its address; a real network adds its round trips.",
    "All hosts, the monitor and the client share the processors of one machine, and the memory that all of it runs from. \
     What a takeover costs in processor time is paid by all of them at once.",
    "The client is new for every request. What long connections, resolvers' caches and retries of real clients add is \
     theirs.",
    "A failure of the monitor itself, of the store or of two hosts at once is not part of these tables; the tests of this \
     repository make them.",
];

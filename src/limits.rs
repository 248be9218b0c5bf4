//! Every bound of this crate, with its unit and the reason for it.

/// Members of a `tracestate` list (rule TS-9): the specification's own limit.
pub const TRACESTATE_MEMBERS: usize = 32;

/// Characters of a `tracestate` key (rule TS-6): the specification's own limit.
pub const TRACESTATE_KEY_CHARS: usize = 256;

/// Characters of a `tracestate` value (rule TS-5): the specification's own limit.
pub const TRACESTATE_VALUE_CHARS: usize = 256;

/// Bytes of a whole `tracestate` list that are looked at (rule TR-4): 32 members of the longest key
/// and value with their signs and commas. A longer list cannot be valid without padding.
pub const TRACESTATE_BYTES: usize =
    TRACESTATE_MEMBERS * (TRACESTATE_KEY_CHARS + 1 + TRACESTATE_VALUE_CHARS) + TRACESTATE_MEMBERS
        - 1;

/// Baggage members that always pass (rule BG-10): the specification's minimum, and our maximum.
pub const BAGGAGE_MEMBERS: usize = 64;

/// Encoded bytes of baggage that always pass, commas included (rule BG-10): the specification's
/// minimum, and our maximum.
pub const BAGGAGE_BYTES: usize = 8192;

/// Bytes of received baggage that are looked at (rule TR-4). Four times what can be kept, so that
/// one oversized member does not hide the small ones behind it.
pub const BAGGAGE_SCAN_BYTES: usize = 4 * BAGGAGE_BYTES;

/// Refusals that one extraction reports; later ones are left out. A hostile header with thousands of
/// bad members must not make a long list.
pub const REFUSALS: usize = 16;

/// Bytes of context that an envelope reads from or writes to one placement in a message: both trace
/// headers, the longest baggage and JSON's own signs, with room for escapes.
pub const ENVELOPE_CONTEXT_BYTES: usize = 16 * 1024;

/// Bytes of an address's query that are searched for trace context when a WebSocket is opened: the
/// trace, and baggage of the usual size with every sign of it percent-encoded.
pub const HANDSHAKE_QUERY_BYTES: usize = 16 * 1024;

/// Bytes of the reason of a close frame that become an attribute of a span: the protocol's own limit.
pub const CLOSE_REASON_BYTES: usize = 123;

/// Bytes at the end of a JSON object that are searched for a second context when the first one stands at
/// its start. Whoever appends one does it there; to search the whole would make every read cost the
/// payload instead of the context.
pub const LATE_DUPLICATE_BYTES: usize = 512;

/// Bytes of a destination or a message's id that become an attribute or part of a span's name. Topics
/// and queues are named by people; what is longer has another purpose.
pub const MESSAGE_ATTRIBUTE_BYTES: usize = 256;

/// Messages of a batch that its span links to: what OpenTelemetry's SDKs keep per span by default.
pub const BATCH_LINKS: usize = 128;

/// Bytes of a received text (path, host, user agent) that become an attribute of a span. What is
/// longer is cut: nobody reads it, and every span would carry it to the back end.
pub const HTTP_ATTRIBUTE_BYTES: usize = 2048;

/// Bytes of a method of gRPC with its service. Names are written by people; what is longer has another
/// purpose, and is no name of a span.
pub const RPC_METHOD_BYTES: usize = 256;

/// Values of one captured header that become an attribute; what comes behind is left out.
pub const CAPTURED_VALUES: usize = 16;

/// Proxies of one request that are looked at, from the nearest one on: no real chain is so long, and a
/// header of commas must not make a long walk.
pub const FORWARDED_HOPS: usize = 16;

/// Routes of a service that are kept at hand, per layer. What lies beyond costs an allocation more.
pub const KNOWN_ROUTES: usize = 256;

/// Labels that a handler may add to the metrics of its request. Every label multiplies the series that
/// a back end keeps.
pub const METRIC_LABELS: usize = 8;

/// Sets of attributes whose metrics are kept at hand, per layer: some hundred routes with their usual
/// statuses. What lies beyond is recorded all the same, at the cost of building its set.
pub const METRIC_SERIES: usize = 1024;

/// Bytes of an X-Ray header that are looked at: the three known parts take 74, lineage and
/// load-balancer parts some hundred.
pub const XRAY_BYTES: usize = 1024;

/// Bytes of `x-datadog-tags` that are looked at: Datadog's own libraries send at most 512.
pub const DATADOG_TAG_BYTES: usize = 512;

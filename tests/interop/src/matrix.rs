//! Runs every chain of services.

use anyhow::Context as _;
use throughline::propagation::Format;

use crate::cell::{Baggage, Cell, Group, Owner};
use crate::peer::{Peer, Programs, Sdk};
use crate::report::{Decision, Report};
use crate::us::{Hop, Us, via};

/// The services, all running.
#[derive(Debug)]
pub(crate) struct Fleet {
    us: Us,
    peers: Vec<Peer>,
}

impl Fleet {
    /// Starts ourselves, and each SDK once per decision that it can begin a trace with.
    pub(crate) async fn start(programs: &Programs) -> anyhow::Result<Self> {
        let us = Us::start().await?;
        let wanted =
            Sdk::ALL.into_iter().flat_map(|sdk| sdk.decisions().iter().map(move |d| (sdk, *d)));
        let starting: Vec<_> = wanted
            .map(|(sdk, decision)| {
                let programs = programs.clone();
                tokio::spawn(async move { Peer::start(&programs, sdk, decision).await })
            })
            .collect();
        let mut peers = Vec::new();
        for peer in starting {
            peers.push(peer.await??);
        }
        Ok(Self { us, peers })
    }

    /// Name and version of each SDK, once.
    pub(crate) fn versions(&self) -> Vec<(Sdk, &str)> {
        let first = |sdk| self.peers.iter().find(|peer| peer.sdk == sdk);
        let all = Sdk::ALL.into_iter();
        all.filter_map(|sdk| Some((sdk, first(sdk)?.version.as_str()))).collect()
    }

    /// Runs all chains, one after the other.
    pub(crate) async fn run(&mut self) -> anyhow::Result<Vec<Cell>> {
        let mut cells = Vec::new();
        for peer in 0..self.peers.len() {
            for baggage in [None, Some(MEMBERS)] {
                for hop in Hop::ALL {
                    cells.push(self.sdk_to_us(peer, hop, baggage).await?);
                    for other in self.peers[peer].sdk.others() {
                        cells.push(self.between(peer, hop, other, baggage).await?);
                    }
                }
            }
            cells.extend(self.fleets(peer).await?);
        }
        for sdk in Sdk::ALL {
            for decision in Decision::ALL {
                for baggage in [None, Some(MEMBERS)] {
                    cells.push(self.us_to_sdk(sdk, Hop::Span, decision, baggage).await?);
                    if sdk.is_sentry() {
                        cells.push(self.us_to_sdk(sdk, Hop::Pass, decision, baggage).await?);
                    }
                }
            }
            for format in [Format::TraceContext, Format::Sentry] {
                cells.push(self.one_format(sdk, format).await?);
            }
        }
        cells.sort_by_key(|cell| Group::ALL.iter().position(|group| *group == cell.group));
        Ok(cells)
    }

    async fn sdk_to_us(
        &mut self,
        from: usize,
        hop: Hop,
        baggage: Baggage<'_>,
    ) -> anyhow::Result<Cell> {
        let url = self.us.url(hop, None);
        let mut cell = self.cell(Group::ToUs, from, baggage, &[hop.name()]);
        let head = self.peers[from].begin(&url, baggage).await?;
        let ours = behind(&head)?;
        cell.sdk_began(self.peers[from].sdk, &head, &ours.wire(), baggage);
        told_sender(&mut cell, self.peers[from].sdk, ours);
        cell.we_continued(&self.us, hop, ours).await?;
        Ok(cell)
    }

    async fn between(
        &mut self,
        from: usize,
        hop: Hop,
        to: Sdk,
        baggage: Baggage<'_>,
    ) -> anyhow::Result<Cell> {
        let last = self.us.url(Hop::Pass, None);
        let url = self.us.url(hop, Some(&via(&self.server(to)?.address, Some(&last))));
        let mut cell = self.cell(Group::Between, from, baggage, &[hop.name(), to.name(), "pass"]);
        let head = self.peers[from].begin(&url, baggage).await?;
        let ours = behind(&head)?;
        let theirs = behind(ours)?;
        let last = behind(theirs)?;
        cell.we_continued(&self.us, hop, ours).await?;
        cell.we_sent_on(&self.us, hop, ours, &theirs.wire()).await?;
        cell.sdk_read(to, theirs);
        cell.sdk_sent_on(to, Hop::Span, &theirs.wire(), &last.wire());
        told_sender(&mut cell, to, last);
        cell.we_continued(&self.us, Hop::Pass, last).await?;
        Ok(cell)
    }

    /// The longest chains: a trace leaves its dialect and comes back to it.
    async fn fleets(&mut self, from: usize) -> anyhow::Result<Vec<Cell>> {
        let mut cells = Vec::new();
        let sdk = self.peers[from].sdk;
        let end = match sdk {
            Sdk::SentryNode => Sdk::SentryPython,
            Sdk::SentryPython => Sdk::SentryNode,
            Sdk::OtelNode => Sdk::OtelPython,
            Sdk::OtelPython => Sdk::OtelNode,
            Sdk::SentryNodeBoth => return Ok(cells),
        };
        for middle in sdk.others() {
            let back = self.us.url(Hop::Span, Some(&self.server(end)?.address));
            let there = via(&self.server(middle)?.address, Some(&back));
            let url = self.us.url(Hop::Span, Some(&there));
            let words = ["span", middle.name(), "span", end.name()];
            let mut cell = self.cell(Group::Fleet, from, Some(MEMBERS), &words);
            let head = self.peers[from].begin(&url, Some(MEMBERS)).await?;
            let first = behind(&head)?;
            let second = behind(behind(first)?)?;
            let last = behind(second)?;
            cell.we_sent_on(&self.us, Hop::Span, first, &behind(first)?.wire()).await?;
            cell.we_sent_on(&self.us, Hop::Span, second, &last.wire()).await?;
            cell.sdk_read(end, last);
            let (began, ended) = (head.trace_id.as_str(), last.trace_id.as_str());
            cell.compare(Owner::Us, "is one trace from end to end", &last.wire(), began, ended);
            if sdk.is_sentry() {
                // The SDK in the middle sends Sentry's members on, but not the header that they need.
                let wire = second.wire();
                let alone = !wire.dsc().is_empty() && wire.sentry_trace.is_empty();
                let left = last.wire().dsc();
                cell.compare(Owner::Us, "gets a DSC without sentry-trace", &wire, true, alone);
                cell.compare(Owner::Us, "sends no DSC that came alone", &last.wire(), "", left);
            }
            cells.push(cell);
        }
        Ok(cells)
    }

    async fn us_to_sdk(
        &self,
        to: Sdk,
        theirs: Hop,
        decision: Decision,
        baggage: Baggage<'_>,
    ) -> anyhow::Result<Cell> {
        let (server, words) = match theirs {
            Hop::Span => (self.server(to)?, ""),
            Hop::Pass => (self.without_rate(to)?, " without a rate"),
        };
        let last = self.us.url(Hop::Pass, None);
        let url = via(&server.address, Some(&last));
        let chain = format!("us, {}{words}, pass", to.name());
        let mut cell = Cell::new(Group::FromUs, chain, decision, baggage.is_some());
        let head = self.us.begin(&url, decision, baggage, None).await?;
        let middle = behind(&head)?;
        let last = behind(middle)?;
        cell.we_began(&self.us, &middle.wire(), baggage).await?;
        cell.sdk_read(to, middle);
        cell.sdk_sent_on(to, theirs, &middle.wire(), &last.wire());
        told_sender(&mut cell, to, last);
        cell.we_continued(&self.us, Hop::Pass, last).await?;
        Ok(cell)
    }

    async fn one_format(&self, to: Sdk, format: Format) -> anyhow::Result<Cell> {
        let (name, native) = match format {
            Format::Sentry => ("sentry-trace", to.is_sentry()),
            _ => ("traceparent", !to.is_sentry()),
        };
        let chain = format!("us with {name} alone, {}", to.name());
        let mut cell = Cell::new(Group::OneFormat, chain, Decision::Sampled, false);
        let url = &self.server(to)?.address;
        let head = self.us.begin(url, Decision::Sampled, None, Some(format)).await?;
        let theirs = behind(&head)?;
        let wire = theirs.wire();
        let continued = wire.trace_id() == Some(&theirs.trace_id);
        let what = match format {
            Format::Sentry => "reads sentry-trace alone",
            _ => "reads traceparent alone",
        };
        cell.compare(Owner::Sdk(to), what, &wire, native, continued);
        Ok(cell)
    }

    fn cell(&self, group: Group, from: usize, baggage: Baggage<'_>, behind: &[&str]) -> Cell {
        let peer = &self.peers[from];
        let chain = format!("{}, {}", peer.sdk.name(), behind.join(", "));
        Cell::new(group, chain, peer.decision, baggage.is_some())
    }

    /// The service of that SDK that samples what nobody has decided about.
    fn server(&self, sdk: Sdk) -> anyhow::Result<&Peer> {
        self.set_up(sdk, Decision::Sampled)
    }

    /// The service of that SDK of Sentry that makes no spans and no decision.
    fn without_rate(&self, sdk: Sdk) -> anyhow::Result<&Peer> {
        self.set_up(sdk, Decision::Deferred)
    }

    fn set_up(&self, sdk: Sdk, decision: Decision) -> anyhow::Result<&Peer> {
        let is_it = |peer: &&Peer| peer.sdk == sdk && peer.decision == decision;
        self.peers.iter().find(is_it).context("no such service runs")
    }
}

/// Where the sender tells which span it sent from, that has to be the parent on the wire.
fn told_sender(cell: &mut Cell, sdk: Sdk, received: &Report) {
    if let Some(sender) = &received.sent_by {
        let wire = received.wire();
        let parent = wire.parent_id().unwrap_or_default().to_owned();
        cell.compare(Owner::Sdk(sdk), "sends its span", &wire, sender, parent);
    }
}

fn behind(report: &Report) -> anyhow::Result<&Report> {
    report.next.as_deref().context("a chain ended early")
}

/// Plain text, what has to be encoded, what forms mistake for a space, and what is no ASCII.
pub(crate) const MEMBERS: &[(&str, &str)] =
    &[("tenant", "7"), ("note", "a b,c=d;e"), ("sum", "1+1"), ("city", "Zürich")];

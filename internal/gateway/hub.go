package gateway

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

const (
	maxLiveRuns = 1024
	maxRunText  = 1 << 20 // kept per run for clients of protocol 3
)

// hub turns events into frames for every connection that may see them. Its
// lock is held while queues are filled, so that all clients see one order;
// filling never blocks.
type hub struct {
	s *Server

	mu    sync.Mutex
	conns map[*conn]struct{}
	runs  map[claw.RunID]*liveRun
	ended chan struct{} // signalled at each end of a run
}

type liveRun struct {
	chat, agent uint64
	text        strings.Builder
	started     int64
}

func newHub(s *Server) *hub {
	return &hub{s: s, conns: map[*conn]struct{}{}, runs: map[claw.RunID]*liveRun{}, ended: make(chan struct{}, 1)}
}

// add lets a connection in with its hello as the first frame: nothing is sent
// to it before, and whoever has read the hello misses no event after it.
func (h *hub) add(c *conn, hello []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.out.answer(hello)
	h.conns[c] = struct{}{}
}

func (h *hub) remove(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

// each calls f for every open connection, outside the lock.
func (h *hub) each(f func(*conn)) {
	h.mu.Lock()
	all := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		all = append(all, c)
	}
	h.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG(openclaw): gateway: payload: " + err.Error())
	}
	return b
}

// send gives an event to everybody whose scopes cover need ("" = everybody)
// and whom pick, when set, lets through.
func (h *hub) sendLocked(name string, payload json.RawMessage, need wire.Scope, pick func(*conn) bool) {
	for c := range h.conns {
		if need != "" && !wire.Covers(c.scopes, need) || pick != nil && !pick(c) {
			continue
		}
		c.out.event(name, payload)
	}
}

func (h *hub) send(name string, payload any, need wire.Scope) {
	b := mustJSON(payload)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sendLocked(name, b, need, nil)
}

// publish is the Agent's subscriber.
func (h *hub) publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e := e.(type) {
	case RunEvent:
		r := h.runLocked(e.Run)
		r.started = e.AtMs
		h.agentLocked(r, e.Run, e.Session, "lifecycle", e.AtMs, mustJSON(lifecycleData{Phase: "start", StartedAt: e.AtMs}), nil)
	case ChatEvent:
		h.chatLocked(e)
	case ToolEvent:
		data := mustJSON(toolData{Phase: e.Phase, ToolFacts: e.ToolFacts})
		h.agentLocked(h.runLocked(e.Run), e.Run, e.Session, "tool", e.AtMs, data, nil)
	case CompactionEvent:
		data := mustJSON(compactionData{Phase: e.Phase, Before: e.Before, After: e.After})
		h.agentLocked(h.runLocked(e.Run), e.Run, e.Session, "compaction", e.AtMs, data, nil)
	case LabelsEvent:
		h.sendLocked(EventSessionLabels, mustJSON(e), wire.Read, nil)
	case RowEvent:
		h.rowLocked(e)
	case SessionsEvent:
		h.sendLocked(EventSessionsChanged, mustJSON(e), wire.Read, nil)
	}
}

// rowLocked tells whoever follows a session, and does nothing when nobody does.
func (h *hub) rowLocked(e RowEvent) {
	var payload json.RawMessage
	for c := range h.conns {
		if !c.subscribed(e.Session) || !wire.Covers(c.scopes, wire.Read) {
			continue
		}
		if payload == nil {
			payload = mustJSON(MessageEvent{Session: e.Session, Message: e.Row()})
		}
		c.out.event(EventSessionMessage, payload)
	}
}

func (h *hub) runLocked(id claw.RunID) *liveRun {
	r, ok := h.runs[id]
	if !ok {
		if len(h.runs) >= maxLiveRuns {
			for old := range h.runs { // a run whose end was never told
				delete(h.runs, old)
				break
			}
		}
		r = &liveRun{}
		h.runs[id] = r
	}
	return r
}

func (h *hub) agentLocked(r *liveRun, run claw.RunID, session claw.SessionKey, stream string, ts int64, data json.RawMessage, pick func(*conn) bool) {
	r.agent++
	p := AgentPayload{Run: run, Session: session, Seq: r.agent, Stream: stream, TS: ts, Data: data}
	h.sendLocked(EventAgent, mustJSON(p), wire.Read, pick)
}

func oldProtocol(c *conn) bool { return c.protocol < 4 }
func newProtocol(c *conn) bool { return c.protocol >= 4 }

func (h *hub) chatLocked(e ChatEvent) {
	r := h.runLocked(e.Run)
	r.chat++
	e.Seq = r.chat
	now := h.s.opt.Now().UnixMilli()
	if e.State == Delta {
		h.deltaLocked(r, e, now)
		return
	}
	h.sendLocked(EventChat, mustJSON(e), wire.Read, nil)
	end := lifecycleData{Phase: "end", StartedAt: r.started, EndedAt: now, Aborted: e.State == Aborted}
	if e.State == Failed {
		end.Phase, end.Error = "error", e.ErrorMessage
	}
	h.agentLocked(r, e.Run, e.Session, "lifecycle", now, mustJSON(end), nil)
	delete(h.runs, e.Run)
	h.s.runs.finish(e.Run)
	signal(h.ended)
}

// deltaLocked sends the new text to clients of protocol 4 and all text so far
// to clients of protocol 3.
func (h *hub) deltaLocked(r *liveRun, e ChatEvent, now int64) {
	if e.Replace {
		r.text.Reset()
	}
	if r.text.Len() < maxRunText {
		r.text.WriteString(e.DeltaText)
	}
	e.Message = nil
	h.sendLocked(EventChat, mustJSON(e), wire.Read, newProtocol)
	r.agent++
	p := AgentPayload{Run: e.Run, Session: e.Session, Seq: r.agent, Stream: "assistant", TS: now, Data: mustJSON(assistantData{Delta: e.DeltaText})}
	h.sendLocked(EventAgent, mustJSON(p), wire.Read, newProtocol)
	old := false
	for c := range h.conns {
		old = old || oldProtocol(c)
	}
	if !old {
		return
	}
	text := r.text.String()
	p.Data = mustJSON(assistantData{Text: text, Delta: e.DeltaText})
	h.sendLocked(EventAgent, mustJSON(p), wire.Read, oldProtocol)
	e.Message, e.DeltaText, e.Replace = TextMessage("assistant", text, now), "", false
	h.sendLocked(EventChat, mustJSON(e), wire.Read, oldProtocol)
}

// question is the Approvals' subscriber.
func (h *hub) question(e approval.Event) {
	if e.Answer.State == approval.Waiting {
		h.send(EventApprovalRequested, requestedOf(e.View), wire.Approvals)
		return
	}
	h.send(EventApprovalResolved, resolvedOf(e, h.s.opt.Now().UnixMilli()), wire.Approvals)
}

func requestedOf(v approval.View) ApprovalRequested {
	call := ApprovalCall{Command: v.Text, Host: "gateway", Ask: "always", Agent: v.Agent, Session: v.Session}
	if len(v.Command) > 0 {
		parts := make([]string, len(v.Command))
		for i, argv := range v.Command {
			parts[i] = strings.Join(argv, " ")
		}
		call.Command = strings.Join(parts, " | ")
		if len(v.Command) == 1 {
			call.CommandArgv = v.Command[0]
		}
	}
	if call.Command == "" {
		call.Command = v.Headline
	}
	return ApprovalRequested{ID: v.ID, Request: call, CreatedMs: v.Created.UnixMilli(), ExpiresMs: v.Expires.UnixMilli(), View: v}
}

func resolvedOf(e approval.Event, now int64) ApprovalResolved {
	out := ApprovalResolved{ID: e.View.ID, TS: now, State: e.Answer.State, Scope: e.Answer.Scope, Reason: e.Answer.Reason,
		Session: e.View.Session, Agent: e.View.Agent}
	switch e.Answer.State {
	case approval.Allowed:
		out.Decision = approval.AllowOnce
		if e.Answer.Scope == "session" {
			out.Decision = approval.AllowAlways
		}
	case approval.Denied:
		out.Decision = approval.DenyIt
	case approval.Expired, approval.Voided, approval.Waiting:
		out.Decision = string(e.Answer.State)
	}
	if e.Answer.By != (claw.Principal{}) {
		out.By = e.Answer.By.String()
	}
	return out
}

func (h *hub) pairing(p devices.Pending) {
	scopes := make([]string, len(p.Scopes))
	for i, s := range p.Scopes {
		scopes[i] = string(s)
	}
	h.send(EventPairRequested, pairRequested{RequestID: p.RequestID, Device: p.Device, DisplayName: p.DisplayName, Platform: p.Platform,
		RemoteIP: p.RemoteIP, Role: p.Role, Scopes: scopes, TS: p.TS}, wire.Pairing)
}

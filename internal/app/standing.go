package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/standing"
	"github.com/openclaw-go/openclaw/internal/store"
)

// answersFile holds the whole of each answer whose entry stands in
// exec-approvals.json. An answer is in force only while both have it.
const answersFile = "standing.json"

// standingAnswers keeps the rules that people's answers made, beside those of
// the home's own.
type standingAnswers struct {
	app  *App
	file store.Approvals
	docs store.Documents

	mu    sync.Mutex
	stamp string
	// noted is the hash of what the document that the journal knows means.
	noted  string
	doc    *standing.Document
	own    map[string]standing.Rule
	rules  []standing.Rule
	unused []standing.Unused
	// problem says why nothing is in force and no command may run.
	problem error
	// counts are how often rules were used, by their key.
	counts map[string]int64
	uses   uses
}

// kept is answersFile.
type kept struct {
	Noted string                   `json:"noted"`
	Rules map[string]standing.Rule `json:"rules"`
	// Uses counts what rules let run, by the keys of their entries.
	Uses map[string]int64 `json:"uses,omitempty"`
}

var (
	_ gate.Standing    = (*standingAnswers)(nil)
	_ gateway.Standing = (*standingAnswers)(nil)
)

// openStanding reads what stands.
func (a *App) openStanding() error {
	s := &standingAnswers{app: a, file: a.store.Approvals(), docs: a.store.Documents(store.FolderApprovals), own: map[string]standing.Rule{}, counts: map[string]int64{}}
	b, err := s.docs.Read(answersFile)
	if err != nil {
		return err
	}
	if len(b) > 0 {
		var k kept
		if err := json.Unmarshal(b, &k); err != nil {
			return fmt.Errorf("approvals/%s: %w", answersFile, err)
		}
		s.noted = k.Noted
		maps.Copy(s.own, k.Rules)
		maps.Copy(s.counts, k.Uses)
	}
	a.standing = s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	if s.problem != nil {
		a.log.Error("no command may run: the stored approvals cannot be used", "error", s.problem)
	}
	for _, u := range s.unused {
		a.log.Warn("a stored approval is not used", "agent", u.Agent, "entry", u.What, "reason", u.Reason)
	}
	return nil
}

// load reads the document anew when it may have changed. The caller holds mu.
func (s *standingAnswers) load() {
	stamp := s.file.Stamp()
	if stamp == s.stamp {
		return
	}
	s.stamp = stamp
	s.doc, s.rules, s.unused = nil, nil, nil
	b, err := s.file.Read()
	if err == nil {
		s.doc = standing.New()
		if b != nil {
			s.doc, err = standing.Parse(b)
		}
	}
	if s.problem = err; err != nil {
		return
	}
	s.rules, s.unused = s.doc.Rules(s.app.paths.Home, s.own)
	if b == nil {
		return
	}
	hash, err := meaningHash(s.doc)
	if s.problem = err; err == nil && hash != s.noted {
		s.problem = s.note(hash)
	}
}

// note records a document that this gateway did not write. Until that is done
// nothing of it is in force. The caller holds mu.
func (s *standingAnswers) note(hash string) error {
	if _, err := s.app.journal.Append(s.app.life, journal.Entry{Event: journal.ConfigChange, Data: struct {
		What   string            `json:"what"`
		Rules  []standing.Rule   `json:"rules"`
		Unused []standing.Unused `json:"unused,omitempty"`
	}{"exec-approvals.json was changed by somebody else", s.rules, s.unused}}); err != nil {
		s.stamp = "" // try again
		return err
	}
	s.noted = hash
	return s.keep()
}

// keep writes answersFile. The caller holds mu.
func (s *standingAnswers) keep() error {
	b, err := json.Marshal(kept{s.noted, s.own, s.counts})
	if err != nil {
		return err
	}
	return s.docs.Write(answersFile, b)
}

// rulesOf are the rules of an agent with what stands for it now.
func (a *App) rulesOf(id claw.AgentID) (policy.Rules, bool) {
	r, ok := a.posture.rules(id)
	if !ok {
		return r, false
	}
	r = a.withSkills(r)
	r.Halted = a.locks.halt()
	s := a.standing
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	if s.problem != nil {
		r.Exec = posture.Unreadable(r.Exec)
		return r, true
	}
	r.Exec = posture.Strictest(r.Exec, id, s.doc.Limits(id))
	now := time.Now()
	for i := range s.rules {
		if s.rules[i].For(id, now) {
			r.Exec.Standing = append(r.Exec.Standing, s.rules[i])
		}
	}
	return r, true
}

// Open implements gate.Standing.
func (s *standingAnswers) Open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	return s.problem
}

// Add implements gate.Standing.
func (s *standingAnswers) Add(ctx context.Context, rules []standing.Rule) error {
	return s.change(ctx, "standing answer stored", claw.Principal{}, rules, func(d *standing.Document) error {
		for _, r := range rules {
			if _, ok := s.own[r.ID]; ok {
				return fmt.Errorf("a standing answer %q is there already", r.ID)
			}
			if err := d.Add(r); err != nil {
				return err
			}
		}
		for _, r := range rules {
			s.own[r.ID] = r
		}
		return nil
	})
}

// change edits the document as it is on disk now. The journal has it first;
// what is on disk is what is in force, also when only half was written: an
// answer needs both files.
func (s *standingAnswers) change(ctx context.Context, what string, by claw.Principal, rules []standing.Rule, edit func(*standing.Document) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stamp = ""
	s.load()
	if s.problem != nil {
		return s.problem
	}
	before := maps.Clone(s.own)
	err := s.tidy()
	if err == nil {
		err = edit(s.doc)
	}
	if err == nil {
		err = s.write(ctx, what, by, rules)
	}
	if err != nil {
		s.own = before
	}
	s.stamp = ""
	s.load()
	return err
}

// tidy drops answers that have ended, and those whose entry somebody took out
// of the document.
func (s *standingAnswers) tidy() error {
	now, there := time.Now(), map[string]bool{}
	if _, err := s.doc.Remove(func(_ claw.AgentID, id, _ string) bool {
		r, ok := s.own[id]
		there[id] = !ok || !r.Expired(now)
		return !there[id]
	}); err != nil {
		return err
	}
	for id := range s.own {
		if !there[id] {
			delete(s.own, id)
		}
	}
	return nil
}

func (s *standingAnswers) write(ctx context.Context, what string, by claw.Principal, rules []standing.Rule) error {
	b, err := s.doc.Bytes()
	if err != nil {
		return err
	}
	if _, err := standing.Parse(b); err != nil {
		return err
	}
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: journal.ConfigChange, Principal: by, Data: struct {
		What  string          `json:"what"`
		Rules []standing.Rule `json:"rules"`
	}{what, rules}}); err != nil {
		return err
	}
	if s.noted, err = meaningHash(s.doc); err != nil {
		return err
	}
	if err := s.keep(); err != nil {
		return err
	}
	return s.file.Write(b)
}

// List implements gateway.Standing.
func (s *standingAnswers) List(context.Context) (gateway.StandingList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	out := gateway.StandingList{Path: s.file.Path(), Rules: []gateway.StandingRow{}, Unused: []gateway.UnusedRow{}}
	if s.problem != nil {
		out.Problem = s.problem.Error()
	}
	now := time.Now()
	for i := range s.rules {
		row := rowOf(&s.rules[i], now)
		row.Uses = s.counts[s.rules[i].Key()]
		s.uses.waiting(s.rules[i].Key(), &row)
		out.Rules = append(out.Rules, row)
	}
	for _, u := range s.unused {
		out.Unused = append(out.Unused, gateway.UnusedRow{Agent: u.Agent, ID: u.ID, What: u.What, Reason: u.Reason})
	}
	return out, nil
}

func rowOf(r *standing.Rule, now time.Time) gateway.StandingRow {
	row := gateway.StandingRow{ID: r.ID, Agent: r.Agent, Text: r.Text(), By: r.By, Expired: r.Expired(now), Own: r.Exact == nil}
	if !r.At.IsZero() {
		row.AtMs = r.At.UnixMilli()
	}
	if !r.Until.IsZero() {
		row.UntilMs = r.Until.UnixMilli()
	}
	if !r.Last.At.IsZero() {
		row.LastUsedMs, row.LastCommand = r.Last.At.UnixMilli(), r.Last.Command
	}
	return row
}

// Remove implements gateway.Standing: the entry with an id, whoever wrote it.
func (s *standingAnswers) Remove(ctx context.Context, id string, by claw.Principal) error {
	return s.take(ctx, by, func(_ claw.AgentID, have, _ string) bool { return id != "" && have == id }, fmt.Sprintf("no stored approval has the id %q", id))
}

// take removes entries, with the journal.
func (s *standingAnswers) take(ctx context.Context, by claw.Principal, match func(claw.AgentID, string, string) bool, none string) error {
	var gone []standing.Rule
	all := func(agent claw.AgentID, id, pattern string) bool {
		if !match(agent, id, pattern) {
			return false
		}
		r, ok := s.own[id]
		if !ok {
			r = standing.Rule{ID: id, Agent: agent, Entry: &standing.Entry{Pattern: pattern}}
		}
		gone = append(gone, r)
		return true
	}
	s.mu.Lock()
	s.stamp = ""
	s.load()
	problem := s.problem
	if problem == nil {
		copied, err := s.doc.Bytes()
		if err == nil {
			var d *standing.Document
			if d, err = standing.Parse(copied); err == nil {
				_, err = d.Remove(all)
			}
		}
		problem = err
	}
	s.mu.Unlock()
	if problem != nil {
		return problem
	}
	if len(gone) == 0 {
		return &gateway.Fault{Kind: gateway.NotFound, Message: none}
	}
	return s.change(ctx, "standing answer removed", by, gone, func(d *standing.Document) error {
		if _, err := d.Remove(match); err != nil {
			return err
		}
		for _, r := range gone {
			delete(s.own, r.ID)
		}
		return nil
	})
}

// Allowlist implements gateway.Standing: an entry of the operator's own.
func (s *standingAnswers) Allowlist(ctx context.Context, q gateway.AllowlistChange, by claw.Principal) error {
	if q.Agent == "" {
		q.Agent = standing.Everyone
	}
	if q.Remove {
		return s.take(ctx, by, func(agent claw.AgentID, _, pattern string) bool { return agent == q.Agent && pattern == q.Pattern },
			fmt.Sprintf("no stored approval of %q has the pattern %q", q.Agent, q.Pattern))
	}
	e, why := standing.EntryOf(s.app.paths.Home, q.Pattern, q.Args)
	if why != "" {
		return &gateway.Fault{Kind: gateway.Refused, Rule: "approvals.unsafe_entry", Message: fmt.Sprintf("%q is not stored: %s", q.Pattern, why)}
	}
	if q.Agent != standing.Everyone {
		if _, ok := s.app.posture.rules(q.Agent); !ok {
			return &gateway.Fault{Kind: gateway.NotFound, Message: fmt.Sprintf("no agent %q", q.Agent)}
		}
	}
	r := standing.Rule{ID: newID(""), Agent: q.Agent, Entry: &e, By: by.String(), At: time.Now().UTC()}
	return s.change(ctx, "allowlist entry added", by, []standing.Rule{r}, func(d *standing.Document) error {
		s.own[r.ID] = r
		return d.Add(r)
	})
}

// Document implements gateway.Standing.
func (s *standingAnswers) Document(context.Context) (gateway.ApprovalsDocument, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.document()
}

func (s *standingAnswers) document() (gateway.ApprovalsDocument, error) {
	out := gateway.ApprovalsDocument{Path: s.file.Path()}
	b, err := s.file.Read()
	if err != nil {
		return out, err
	}
	if out.Exists = b != nil; !out.Exists {
		if b, err = standing.New().Bytes(); err != nil {
			return out, err
		}
	}
	out.Hash = hashOf(b)
	if d, err := standing.Parse(b); err == nil {
		if out.Hash, err = meaningHash(d); err != nil {
			return out, err
		}
	}
	if !json.Valid(b) {
		return out, errors.New("exec-approvals.json is not JSON")
	}
	out.File, err = withoutToken(b)
	return out, err
}

// withoutToken takes the token of upstream's socket out of a document that
// somebody is shown.
func withoutToken(b []byte) ([]byte, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(b, &top); err != nil {
		return nil, err
	}
	var socket map[string]json.RawMessage
	if raw, ok := top["socket"]; !ok || json.Unmarshal(raw, &socket) != nil || socket["token"] == nil {
		return b, nil
	}
	delete(socket, "token")
	raw, err := json.Marshal(socket)
	if err != nil {
		return nil, err
	}
	top["socket"] = raw
	return json.Marshal(top)
}

// SetDocument implements gateway.Standing: the whole document, by an
// operator. Entries that are unsafe stay in it and are not used.
func (s *standingAnswers) SetDocument(ctx context.Context, file json.RawMessage, base string, by claw.Principal) (gateway.ApprovalsDocument, error) {
	next, err := standing.Parse(file)
	if err != nil {
		return gateway.ApprovalsDocument{}, &gateway.Fault{Kind: gateway.Invalid, Message: err.Error()}
	}
	s.mu.Lock()
	now, err := s.document()
	s.mu.Unlock()
	if err == nil && base != "" && base != now.Hash {
		return gateway.ApprovalsDocument{}, &gateway.Fault{Kind: gateway.Conflict, Message: "exec-approvals.json changed since it was read; read it again"}
	}
	rules, _ := next.Rules(s.app.paths.Home, s.ownNow())
	err = s.change(ctx, "exec-approvals.json replaced", by, rules, func(d *standing.Document) error {
		next.KeepToken(d)
		*d = *next
		return nil
	})
	if err != nil {
		return gateway.ApprovalsDocument{}, err
	}
	return s.Document(ctx)
}

func (s *standingAnswers) ownNow() map[string]standing.Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.own)
}

// history are the newest decisions with what people said to them.
func (a *App) history(ctx context.Context, n int) ([]gate.Decided, error) {
	recs, err := a.journal.Search(ctx, journal.Filter{Events: []journal.Event{journal.Decision}, Limit: n})
	if err != nil {
		return nil, err
	}
	out := make([]gate.Decided, 0, len(recs))
	for i := range recs {
		d := gate.Decided{Seq: recs[i].Seq, At: recs[i].Time}
		if json.Unmarshal(recs[i].Data, &d.Call) != nil {
			continue
		}
		d.Caller = policy.Caller{Agent: recs[i].Agent, Session: recs[i].Session, Run: recs[i].Run, Call: recs[i].Call, Principal: recs[i].Principal}
		out = append(out, d)
	}
	said, err := a.journal.Search(ctx, journal.Filter{Events: []journal.Event{journal.Consent}, Limit: n})
	for i := range said {
		var c struct {
			Decision uint64         `json:"decision"`
			State    approval.State `json:"state"`
			By       claw.Principal `json:"by"`
		}
		if json.Unmarshal(said[i].Data, &c) != nil || c.Decision == 0 {
			continue
		}
		if k := slices.IndexFunc(out, func(d gate.Decided) bool { return d.Seq == c.Decision }); k >= 0 {
			out[k].Answer = approval.Answer{State: c.State, By: c.By}
		}
	}
	return out, err
}

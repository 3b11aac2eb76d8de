package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// overview answers "am I safe, and what needs me?" from what is in force.
type overview struct {
	app     *App
	devices *devices.Book
}

var (
	_ gateway.Posture  = (*overview)(nil)
	_ gateway.Accepter = (*overview)(nil)
)

// Overview implements gateway.Posture: the audit's answer, what waits, and what
// is in force. What nobody measured is said so.
func (o *overview) Overview(ctx context.Context) (gateway.Overview, error) {
	a := o.app
	p := a.posture.now()
	out := gateway.Overview{Verdict: gateway.Unmeasured, CheckedAt: time.Now().UnixMilli(), NeedsYou: o.needs(), Reach: reach(p), InForce: o.inForce(p),
		Journal: a.record.last(), Agents: a.surface.Agents(), Usage: usageRows(a.usage()), NotInForce: a.posture.notInForce(), Model: "operator (built in; it is no language model)"}
	if rows := a.models.List(); len(rows) > 0 && rows[0].Provider != "operator" {
		out.Model = rows[0].ID
	}
	out.Since = o.since(ctx, time.Now().Add(-24*time.Hour))
	o.judged(&out)
	for _, n := range out.NeedsYou {
		switch n.Level {
		case gateway.Act:
			out.Counts.Act++
			out.Verdict = gateway.Act
		case gateway.Look:
			out.Counts.Look++
			if out.Verdict == gateway.Fine {
				out.Verdict = gateway.Look
			}
		case gateway.Fine, gateway.Unmeasured, gateway.NotApply:
		}
	}
	out.Sentence = sentence(p, out)
	a.exposer.tell(&out, time.Now())
	return out, nil
}

func sentence(p posture.Posture, o gateway.Overview) string {
	who := "Only this machine can reach the gateway."
	if !p.Gateway.Loopback() {
		who = fmt.Sprintf("The gateway listens beyond this machine (%s).", p.Gateway.Bind)
	}
	switch {
	case o.Counts.Act > 0:
		return who + " Something needs you now."
	case len(o.NeedsYou) > 0:
		return who + " Something waits for you."
	case o.Verdict == gateway.Unmeasured:
		return who + " Not everything could be measured."
	}
	return who + " Nothing needs you."
}

func (o *overview) needs() []gateway.Need {
	out := []gateway.Need{}
	if s := o.app.record.last(); s.State == "damaged" {
		out = append(out, gateway.Need{Level: gateway.Act, ID: "journal.damaged", Kind: "finding", Text: "The journal is damaged: " + s.Problem, Fix: "openclaw journal verify"})
	}
	if n := o.app.labels.Damaged(); n > 0 {
		out = append(out, gateway.Need{Level: gateway.Act, ID: "labels.damaged", Kind: "finding", Count: n,
			Text: fmt.Sprintf("%d line(s) of the record of where files come from cannot be read: files without a record count as untrusted and private.", n),
			Fix:  "look at " + o.app.paths.Short(filepath.Join(o.app.paths.State, labelsFile)) + ", remove what was damaged, then start the gateway anew"})
	}
	if why := o.app.posture.notInForce(); why != "" {
		out = append(out, gateway.Need{Level: gateway.Look, ID: "config.held", Kind: "config", Text: why, Fix: "openclaw config accept"})
	}
	if n := len(o.app.desk.Waiting()); n > 0 {
		out = append(out, gateway.Need{Level: gateway.Look, ID: "approvals", Kind: "approval", Text: fmt.Sprintf("%d call(s) wait for your answer.", n), Count: n})
	}
	if _, pending := o.devices.List(); len(pending) > 0 {
		out = append(out, gateway.Need{Level: gateway.Look, ID: "devices", Kind: "device", Text: fmt.Sprintf("%d device(s) ask to be paired.", len(pending)), Count: len(pending)})
	}
	return out
}

// reach says who can make an agent do what.
func reach(p posture.Posture) []gateway.Reach {
	out := []gateway.Reach{{Who: "Strangers", Text: "nothing: no channel is connected"}}
	if !p.Gateway.Loopback() {
		out[0].Text = "can try credentials at the gateway's port; no channel is connected"
	}
	for _, a := range p.Agents {
		var can []string
		for _, t := range builtTools() {
			if len(a.Rules.Names([]claw.ToolName{t.Name()})) == 1 {
				can = append(can, string(t.Name()))
			}
		}
		text := "you have it use " + strings.Join(can, ", ")
		if len(can) == 0 {
			text = "it only talks"
		}
		if a.Rules.Exec.Security != policy.ExecDeny && len(a.Rules.Names([]claw.ToolName{"exec"})) == 1 {
			text += fmt.Sprintf("; commands: %s, ask %s, %s", a.Rules.Exec.Security, a.Rules.Exec.Ask, a.Rules.Confinement.Level)
		}
		out = append(out, gateway.Reach{Who: "Agent " + string(a.ID), Text: text})
	}
	return out
}

func (o *overview) inForce(p posture.Posture) []gateway.InForce {
	s := o.app.runner.Support()
	exec := gateway.InForce{Name: "exec", Level: gateway.Fine, AtMs: o.app.started.UnixMilli()}
	want := policy.LevelIsolated
	for _, a := range p.Agents {
		if len(a.Rules.Names([]claw.ToolName{"exec"})) == 1 {
			want = a.Rules.Confinement.Level
		}
	}
	if s.Supports(want) {
		exec.Text = fmt.Sprintf("%s, each run with a witness", want)
	} else {
		exec.Level, exec.Text = gateway.Look, fmt.Sprintf("%s cannot be held here, so commands are refused", want)
	}
	flow := gateway.InForce{Name: "flow", Level: gateway.Fine, Text: "untrusted text cannot act without you"}
	egress := gateway.InForce{Name: "egress", Level: gateway.Fine, Text: "unknown hosts are refused or asked for"}
	for _, a := range p.Agents {
		if a.Rules.Flow.Mode != policy.FlowEnforce {
			flow.Level, flow.Text = gateway.Look, "not enforced for agent "+string(a.ID)
		}
		if a.Rules.Egress.Mode == policy.EgressAllow {
			egress.Level, egress.Text = gateway.Look, "any public host for agent "+string(a.ID)
		}
	}
	return []gateway.InForce{exec, egress, flow, o.app.selfInForce(), {Name: "drill", Level: gateway.Unmeasured, Text: "not built yet"}}
}

// sinceLimit bounds the entries that are counted for "since yesterday".
const sinceLimit = 20000

func (o *overview) since(ctx context.Context, from time.Time) gateway.Since {
	out := gateway.Since{FromMs: from.UnixMilli()}
	recs, err := o.app.journal.Search(ctx, journal.Filter{From: from, Events: []journal.Event{journal.ChannelMessage, journal.Decision, journal.Egress, journal.ConfigChange}, Limit: sinceLimit})
	if err != nil {
		return out
	}
	hosts := map[string]bool{}
	for i := range recs {
		var d struct {
			Direction string `json:"direction"`
			Verdict   string `json:"verdict"`
			Host      struct {
				Name string `json:"name"`
			} `json:"host"`
		}
		_ = json.Unmarshal(recs[i].Data, &d) // an entry without these fields counts as itself
		switch journal.Event(recs[i].Event) {
		case journal.ChannelMessage:
			if d.Direction == "in" {
				out.Messages++
			}
		case journal.Decision:
			out.Calls++
			switch d.Verdict {
			case "allow":
				out.Allowed++
			case "ask":
				out.Asked++
			default:
				out.Refused++
			}
		case journal.Egress:
			hosts[d.Host.Name] = true
		case journal.ConfigChange:
			out.ConfigChanges++
		default: // not asked for
		}
	}
	out.Hosts = len(hosts)
	return out
}

// Explain implements gateway.Posture: the trace of a decision, made or
// imagined. Nothing is run and nothing recorded.
func (o *overview) Explain(ctx context.Context, q gateway.ExplainQuery) (json.RawMessage, error) {
	if q.Seq > 0 {
		r, err := o.app.journal.Get(q.Seq)
		if errors.Is(err, journal.ErrNotFound) || err == nil && journal.Event(r.Event) != journal.Decision {
			return nil, &gateway.Fault{Kind: gateway.NotFound, Message: fmt.Sprintf("entry %d is no decision", q.Seq)}
		}
		return r.Data, err
	}
	id, key, err := o.app.inbox.Route(q.Agent, q.Session)
	if err != nil {
		return nil, fault(err)
	}
	labels, lineage, err := o.app.sessions.Labels(key)
	if err != nil {
		return nil, err
	}
	args := q.Args
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	who := operatorAct
	if q.Principal != nil {
		who, labels = *q.Principal, labels|policy.Arrives(*q.Principal)
	}
	if q.Labels != nil {
		labels = *q.Labels | policy.Arrives(who)
	}
	d := o.app.gate.Explain(ctx, gate.Call{ToolCall: claw.ToolCall{Tool: q.Tool, Arguments: args}, Agent: id, Session: key, Principal: who, Labels: labels, Lineage: lineage,
		Audience: inbox.Audience(who, key), OperatorSaid: saidBy(who)})
	return json.Marshal(d)
}

// Config implements gateway.Posture.
func (o *overview) Config(context.Context) (gateway.ConfigView, error) {
	l, err := configfile.Load(o.app.paths, configfile.Options{Env: o.app.lookupEnv})
	v := gateway.ConfigView{Path: o.app.paths.Config, Issues: []gateway.ConfigIssue{}}
	if err != nil {
		v.Issues = append(v.Issues, gateway.ConfigIssue{Message: err.Error()})
		return v, nil
	}
	v.Exists, v.Hash, v.Valid = !l.Absent, l.Hash, !l.Problems.HasErrors()
	v.Issues = append(v.Issues, issues(l.Problems)...)
	if n := l.Config.Redacted(); n != nil {
		v.Config = json.RawMessage(n.JSON())
	}
	return v, nil
}

func issues(ps config.Problems) []gateway.ConfigIssue {
	out := []gateway.ConfigIssue{}
	for _, p := range ps {
		out = append(out, gateway.ConfigIssue{Path: p.Where.Pointer, Message: p.String(), Line: p.Where.Line, Column: p.Where.Column})
	}
	return out
}

// Schema implements gateway.Posture.
func (o *overview) Schema(context.Context) (json.RawMessage, error) {
	return json.RawMessage(config.Schema()), nil
}

// ExecApprovals implements gateway.Posture: upstream's document as the rules
// in force would write it.
func (o *overview) ExecApprovals(context.Context) (gateway.ConfigView, error) {
	type agentDoc struct {
		Security    string              `json:"security"`
		Ask         string              `json:"ask"`
		AskFallback string              `json:"askFallback"`
		Allowlist   []map[string]string `json:"allowlist"`
	}
	doc := struct {
		Version int                 `json:"version"`
		Agents  map[string]agentDoc `json:"agents"`
	}{1, map[string]agentDoc{}}
	for _, a := range o.app.posture.now().Agents {
		d := agentDoc{Security: a.Rules.Exec.Security.String(), Ask: a.Rules.Exec.Ask.String(), AskFallback: "deny", Allowlist: []map[string]string{}}
		for _, e := range a.Rules.Exec.Allowlist {
			d.Allowlist = append(d.Allowlist, map[string]string{"pattern": e.Text})
		}
		doc.Agents[string(a.ID)] = d
	}
	b, err := json.Marshal(doc)
	return gateway.ConfigView{Path: o.app.paths.Config, Exists: true, Valid: true, File: b, Issues: []gateway.ConfigIssue{}}, err
}

// Pending implements gateway.Accepter.
func (o *overview) Pending(context.Context) (json.RawMessage, error) {
	o.refresh()
	return json.Marshal(o.app.posture.proposal())
}

// Accept implements gateway.Accepter.
func (o *overview) Accept(ctx context.Context, hash string, by claw.Principal) (json.RawMessage, error) {
	o.refresh()
	changes, err := o.app.posture.accept(ctx, hash, by)
	if errors.Is(err, errNothingWaits) {
		return nil, &gateway.Fault{Kind: gateway.NotFound, Message: err.Error()}
	}
	if err != nil {
		return nil, &gateway.Fault{Kind: gateway.Conflict, Message: err.Error()}
	}
	if o.app.accepted != nil {
		o.app.accepted()
	}
	return json.Marshal(map[string]any{"ok": true, "changes": changes})
}

// logTail reads the gateway's log.
type logTail struct{ app *App }

const (
	maxLogLines = 5000
	maxLogBytes = 1_000_000
)

// Tail implements gateway.Logs.
func (l logTail) Tail(_ context.Context, q gateway.LogQuery) (gateway.LogPage, error) {
	path := LogFile(l.app.paths, l.app.posture.config())
	out := gateway.LogPage{File: path, Lines: []string{}}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return out, err
	}
	out.Size = st.Size()
	limit := int64(q.MaxBytes)
	if limit <= 0 || limit > maxLogBytes {
		limit = maxLogBytes
	}
	from := q.Cursor
	if from > out.Size {
		from, out.Reset = 0, true
	}
	if q.Cursor == 0 {
		from = max(0, out.Size-limit)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, from, min(limit, out.Size-from)))
	if err != nil {
		return out, err
	}
	end := strings.LastIndexByte(string(b), '\n') + 1
	out.Cursor, out.Truncated = from+int64(end), from+int64(end) < out.Size
	lines := strings.Split(strings.TrimSuffix(string(b[:end]), "\n"), "\n")
	if n := q.Limit; n > 0 && n < maxLogLines && len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	if end > 0 {
		out.Lines = lines
	}
	return out, nil
}

package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/egress/page"
	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// scope gives one call the world that its agent may see.
func (a *App) scope(c gate.Call, r policy.Rules) (tool.Scope, error) {
	tree, err := a.tree(r)
	if err != nil {
		return tool.Scope{}, err
	}
	view := tree.As(c.Labels|claw.Private, string(c.Session))
	// What the operator said or a rule of theirs names carries nothing out.
	given := func(text string) bool {
		return c.OperatorSaid != nil && c.OperatorSaid(text) || r.Egress.Gives(text)
	}
	cfg := a.posture.config()
	return tool.Scope{
		Agent: c.Agent, Session: c.Session, Run: c.Run, Principal: c.Principal, Labels: c.Labels, Workspace: r.Files.Workspace, Home: a.paths.Home, User: a.user,
		Files: gate.Files{Tree: view},
		Exec:  gate.Exec{Runner: a.runner, Programs: a.programs, Rules: r, Jobs: a.jobs, Account: a.account(c, r, view), Sealer: a.sealer},
		Web: gate.Web{Fetcher: a.rim.fetch, Rules: r, Labels: c.Labels, OperatorSaid: given, Readable: readable,
			MaxChars: cfg.Tools.Web.Fetch.MaxChars.Or(page.DefaultMaxChars)},
		Sessions: toolSessions{app: a, call: c},
		Outbox: gate.Outbox{Audience: c.Audience, Deliver: func(ctx context.Context, to policy.Send, text string) error {
			return a.sessions.inject(ctx, c.Session, text, c.Principal)
		}},
		OperatorSaid: given, Model: c.Model,
	}, nil
}

// tree is what an agent may touch on disk.
func (a *App) tree(r policy.Rules) (*files.Tree, error) {
	if r.Files.Workspace == "" {
		return nil, fmt.Errorf("agent %q has no workspace", r.Agent)
	}
	o := files.Options{Cwd: r.Files.Workspace, Home: a.paths.Home, Labels: a.labels, Owners: []int{os.Getuid()},
		Roots: []files.RootSpec{{Path: r.Files.Workspace, Access: files.ReadWrite, Workspace: true}}}
	if a.runUID > 0 {
		o.Owners = append(o.Owners, a.runUID)
		o.NewOwner = &files.Owner{UID: a.runUID, GID: a.runGID}
	}
	if !r.Files.WorkspaceOnly {
		for _, root := range r.Files.ReadRoots {
			o.Roots = append(o.Roots, files.RootSpec{Path: root, Access: files.ReadOnly})
		}
	}
	o.Roots = append(o.Roots, skillRoots(r)...)
	return files.New(o)
}

func readable(ctx context.Context, res egress.FetchResult, r tool.FetchRequest) (page.Page, error) {
	form := page.Markdown
	if r.Text {
		form = page.Text
	}
	return page.Read(ctx, page.Source{URL: res.URL, ContentType: res.ContentType, Charset: res.Charset, Body: res.Body}, page.Options{Form: form, MaxChars: r.MaxChars})
}

// wrap quotes text from outside for a model.
func (a *App) wrap(text, source string) string {
	c := &a.posture.config().Tools.Content
	return filter.Untrusted(text, filter.Envelope{Source: source, Nonce: newID(""), StripSystemPrompts: c.StripSystemPrompts.Or(true), MaxChars: c.MaxChars.Or(50000)})
}

// prompt makes an agent's system prompt. Workspace files go in as they are,
// but for those that hold text from outside: they are left out, and said so.
// What an agent wrote for itself to remember brings its labels along.
func (a *App) prompt(t agent.Turn) agent.Prompted {
	ag, _ := a.posture.now().Agent(t.Agent)
	in := agent.PromptInput{Turn: t, Workspace: ag.Workspace, Level: ag.Rules.Confinement.Level.String(), FileChars: ag.FileChars, TotalChars: ag.TotalChars,
		Date: time.Now().Format("2006-01-02"), Zone: time.Now().Format("MST"), GatewayVer: a.version, Model: operatorRef}
	if len(ag.Models) > 0 {
		in.Model = ag.Models[0]
	}
	for _, s := range a.gate.Specs(t.Agent) {
		in.Tools = append(in.Tools, s.Name)
	}
	a.skills.look(a.life)
	in.Skills = a.skills.listed(t.Session, a.withSkills(ag.Rules))
	tree, err := a.tree(ag.Rules)
	if err != nil {
		return agent.Prompted{Parts: agent.Prompt(in)}
	}
	var out agent.Prompted
	in.Read = func(name string) (string, bool) {
		c, err := tree.Look(filepath.Join(ag.Workspace, name), maxPromptFile)
		switch {
		case err != nil || c.Size > int64(len(c.Data)):
			return "", false
		case c.Origin == files.Operator:
			return string(c.Data), true
		case c.Origin == files.Unknown || c.Labels&^claw.Private != 0:
			return "(left out: " + name + " holds text from outside)", true
		}
		out.Labels |= c.Labels
		if out.From == "" {
			out.From = "file " + name
		}
		return string(c.Data), true
	}
	out.Parts = agent.Prompt(in)
	return out
}

const maxPromptFile = 1 << 20

// proxy serves the network of one run: every connection is judged under the
// rules and labels of that moment.
func (a *App) proxy(ln net.Listener, permit policy.Permit) {
	live := func() (claw.Labels, []claw.Lineage) {
		key, ok := a.gate.GrantedTo(permit)
		if !ok {
			return claw.Untrusted | claw.Private | claw.Secret, nil // the gate refuses it
		}
		labels, lineage, err := a.sessions.Labels(key)
		if err != nil {
			return claw.Untrusted | claw.Private | claw.Secret, nil
		}
		return labels, lineage
	}
	session, known := a.gate.GrantedTo(permit)
	p := a.egress.Proxy(egress.ProxyOptions{Permit: permit, Session: session,
		Decide: func(ctx context.Context, h policy.Host) policy.Step { return a.gate.AskHost(ctx, permit, live, h) },
		Again: func(_ context.Context, h policy.Host) policy.Step {
			labels, _ := live()
			return a.gate.JudgeHost(permit, labels, h)
		}})
	if known {
		a.proxies.add(p, session)
		defer a.proxies.remove(p)
	}
	if err := p.Serve(a.life, ln); err != nil && !errors.Is(err, net.ErrClosed) {
		a.log.Warn("proxy of a run ended", "error", err)
	}
}

// emit hands an event of the engine to whoever listens.
func (a *App) emit(e agent.Event) {
	if e.Kind == agent.KindOutcome && e.Outcome != nil {
		a.sessions.remember(outcomeFacts(gateway.ToolFacts{Call: e.Call.ID, Tool: e.Call.Tool}, *e.Outcome))
	}
	a.logTurn(e)
	a.surface.emit(e)
	a.channels.emit(e)
}

// newID makes a random id of 128 bits with a prefix.
func newID(prefix string) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: the runtime ends the program instead
	if prefix != "" {
		prefix += "-"
	}
	return prefix + hex.EncodeToString(b[:])
}

func newRun() claw.RunID { return claw.RunID(newID("run")) }

// userName of the account that the gateway runs as.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strings.TrimSpace(os.Getenv("USER"))
}

// privates are operator's entries of addresses that are not public.
func privates(c *config.Config) []egress.Private {
	var out []egress.Private
	for i := range c.Tools.Egress.Hosts {
		if p, ok := privateOf(c.Tools.Egress.Hosts[i].Host.V); ok {
			out = append(out, p)
		}
	}
	return out
}

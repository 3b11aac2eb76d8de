package app

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/ledger"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/standing"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// Answers is the world of a configuration as questions about policy see it.
func Answers(p configfile.Paths, c *config.Config) answer.World {
	var built []claw.ToolName
	for _, t := range builtTools() {
		built = append(built, t.Name())
	}
	w := answer.Of(c, withStanding(posture.Of(c, World(p)), p), p.Home, built)
	w.Pair(func(channel claw.ChannelID, account claw.AccountID) answer.Pairing {
		return peekPaired(p.State, channel, account)
	})
	if days, err := ledger.Peek(filepath.Join(p.State, ledger.FileName)); err == nil {
		used := usedToday(days, time.Now())
		w.Used = map[claw.AgentID]answer.Used{}
		for _, a := range w.Posture.Agents {
			w.Used[a.ID] = used(a.ID)
		}
	}
	return w
}

// withStanding are the rules of a posture with the answers that stand for its
// agents in this home: what people allowed for longer than once.
func withStanding(post posture.Posture, p configfile.Paths) posture.Posture {
	doc, rules, err := peekStanding(p)
	now := time.Now()
	for i := range post.Agents {
		a := &post.Agents[i]
		if err != nil {
			a.Rules.Exec = posture.Unreadable(a.Rules.Exec)
			continue
		}
		a.Rules.Exec = posture.Strictest(a.Rules.Exec, a.ID, doc.Limits(a.ID))
		for j := range rules {
			if rules[j].For(a.ID, now) {
				a.Rules.Exec.Standing = append(a.Rules.Exec.Standing, rules[j])
			}
		}
	}
	return post
}

// peekStanding reads what stands without holding the home.
func peekStanding(p configfile.Paths) (*standing.Document, []standing.Rule, error) {
	doc := standing.New()
	b, err := store.PeekApprovals(p.State)
	if err == nil && b != nil {
		doc, err = standing.Parse(b)
	}
	var k kept
	if err == nil {
		b, err = store.PeekDocument(p.State, store.FolderApprovals, answersFile)
	}
	if err == nil && b != nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil {
		return nil, nil, err
	}
	rules, _ := doc.Rules(p.Home, k.Rules)
	return doc, rules, nil
}

// Imagined is a call that nobody made.
type Imagined struct {
	Agent     claw.AgentID
	Tool      claw.ToolName
	Args      []byte
	Principal claw.Principal
	Labels    claw.Labels
}

// Imagine decides a call under a configuration without a gateway. Links are
// followed as they lie now; nothing is opened, run or recorded, and what
// programs execute from is not looked at.
func Imagine(ctx context.Context, p configfile.Paths, c *config.Config, call Imagined) policy.Decision {
	post := withStanding(posture.Of(c, World(p)), p)
	if call.Agent == "" {
		call.Agent = post.Default()
	}
	// Nothing is written by a question, so the ledger is not closed either.
	book, err := ledger.Open(ledger.Options{Path: filepath.Join(p.State, ledger.FileName), Now: time.Now})
	if err != nil {
		return policy.Decision{Rule: policy.RuleBudgetUnknown, Reason: err.Error()}
	}
	g := gate.New(gate.Options{Tools: builtTools(), Nonce: func() string { return "imagined" }, Ledger: book, Now: time.Now,
		Rules:   func(id claw.AgentID) (policy.Rules, bool) { a, ok := post.Agent(id); return a.Rules, ok },
		Confine: func(r policy.Rules) (policy.Confinement, error) { return r.Confinement, nil },
		Scope: func(c gate.Call, r policy.Rules) (tool.Scope, error) {
			if r.Files.Workspace == "" {
				return tool.Scope{}, errors.New("the agent has no workspace")
			}
			return tool.Scope{Agent: c.Agent, Session: c.Session, Principal: c.Principal, Labels: c.Labels, Workspace: r.Files.Workspace, Home: p.Home, User: userName(),
				Files: onPaper{workspace: r.Files.Workspace, home: p.Home}, Exec: gate.Exec{Programs: gate.NewPrograms(), Rules: r}, Outbox: gate.Outbox{Audience: c.Audience},
				OperatorSaid: c.OperatorSaid}, nil
		}})
	key := inbox.Main(call.Agent)
	if call.Principal.Standing != claw.Owner {
		key = claw.SessionKey("agent:"+string(call.Agent)+":") + inbox.Direct(call.Principal.Channel, call.Principal.Sender)
	}
	return g.Explain(ctx, gate.Call{ToolCall: claw.ToolCall{Tool: call.Tool, Arguments: call.Args}, Agent: call.Agent, Session: key, Principal: call.Principal,
		Labels: call.Labels | policy.Arrives(call.Principal), Audience: inbox.Audience(call.Principal, key), OperatorSaid: saidBy(call.Principal)})
}

// saidBy: an address that the owner asks about is the owner's word; anybody
// else's is chosen by somebody else.
func saidBy(p claw.Principal) func(string) bool {
	return func(string) bool { return p.Standing == claw.Owner }
}

// onPaper names files as they lie now and opens none.
type onPaper struct{ workspace, home string }

var _ tool.Files = onPaper{}

var errOnPaper = errors.New("nothing is opened for a question")

// Resolve implements tool.Files.
func (o onPaper) Resolve(text string) (policy.Path, error) {
	abs := text
	switch {
	case text == "~" || strings.HasPrefix(text, "~/"):
		abs = filepath.Join(o.home, text[1:])
	case !filepath.IsAbs(text):
		abs = filepath.Join(o.workspace, text)
	}
	return policy.Path{Abs: resolveDir(filepath.Clean(abs)), Text: text}, nil
}

// Readlink implements tool.Files.
func (o onPaper) Readlink(abs string) (string, bool) {
	to, err := os.Readlink(abs)
	return to, err == nil
}

// Launch implements tool.Files: who wrote a file is not known here.
func (onPaper) Launch(string) (policy.LaunchConfig, bool) { return policy.LaunchConfig{}, false }

func (onPaper) Read(policy.Permit, string, int64) (tool.Content, error) {
	return tool.Content{}, errOnPaper
}
func (onPaper) Write(policy.Permit, string, []byte, string) error { return errOnPaper }
func (onPaper) Remove(policy.Permit, string) error                { return errOnPaper }
func (onPaper) Peek(string, int64) ([]byte, error)                { return nil, errOnPaper }
func (onPaper) List(policy.Permit, string) ([]string, error)      { return nil, errOnPaper }
func (onPaper) Diff(name string, _, replacement []byte) string    { return name + string(replacement) }

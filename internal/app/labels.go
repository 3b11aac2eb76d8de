package app

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// fileChange is what the record says of a file whose labels changed.
type fileChange struct {
	File   string      `json:"file"`
	SHA256 string      `json:"sha256,omitempty"`
	Why    string      `json:"why"`
	Labels claw.Labels `json:"labels"`
	Files  int         `json:"files,omitempty"`
}

// openLabels opens the record of what is known of files. A damaged one goes on
// in its strict form, and says so.
func (a *App) openLabels(ctx context.Context, path string) (err error) {
	if a.labels, err = files.OpenLabels(path, time.Now); err != nil {
		return err
	}
	a.labels.OnOperatorChange(func(s files.Subject) error {
		_, err := a.journal.Append(context.Background(), journal.Entry{Event: journal.LabelChange, Data: fileChange{
			File: s.Path, SHA256: s.SHA256, Why: "changed by the operator after an agent wrote it", Labels: claw.Private}})
		return err
	})
	n := a.labels.Damaged()
	if n == 0 {
		return nil
	}
	a.log.Error("the record of where files come from is damaged: what has no record counts as untrusted and private", "file", path, "lines", n)
	_, err = a.journal.Append(ctx, journal.Entry{Event: journal.LabelChange, Data: fileChange{
		File: path, Why: fmt.Sprintf("%d lines cannot be read; what has no record counts as untrusted and private", n), Labels: claw.Untrusted | claw.Private}})
	return err
}

// seen records what a person has looked at as launch configuration; the journal
// has their consent already.
func (a *App) seen(by claw.Principal, list []policy.LaunchConfig) error {
	for _, f := range list {
		if err := a.labels.See(f.Path, f.SHA256, by.String()); err != nil {
			return err
		}
	}
	return nil
}

// account of the runs of one call: what they can read and write.
func (a *App) account(c gate.Call, r policy.Rules, view *files.Tree) gate.Account {
	return gate.Account{Files: view, Labels: c.Labels, Session: c.Session, Reached: a.gate.Reached, Confined: r.Confinement.Level.Guarantees()&(policy.FSRules|policy.PrivateFS) != 0,
		Ground: files.Ground{Workspace: r.Files.Workspace, Cache: a.cacheOf(r.Agent), ReadRoots: slices.Concat(r.Confinement.ReadRoots, strangers(r))}}
}

// accountOperator is the account of a command that the operator runs under an
// agent's confinement. What it writes carries what it could read; the words of
// the command are the operator's. The function that it returns ends it.
func (a *App) accountOperator(ctx context.Context, r policy.Rules) (func(context.Context), error) {
	tree, err := a.tree(r)
	if err != nil {
		return nil, err
	}
	acc := a.account(gate.Call{}, r, tree.As(claw.Private, "operator: sandbox run"))
	return acc.Whole(ctx)
}

// cacheOf is where the runner keeps what outlives an agent's runs.
func (a *App) cacheOf(id claw.AgentID) string {
	return filepath.Join(resolveDir(filepath.Join(a.paths.State, cacheDir)), string(id))
}

// labelsFile lies in the state directory.
const labelsFile = "labels.jsonl"

// cacheDir lies in the state directory; the runner is told of it.
const cacheDir = "cache"

// AddLabels implements agent.Sessions: the journal has it first. What the runs
// of the session may still reach is decided anew.
func (s *sessions) AddLabels(key claw.SessionKey, add []claw.Lineage) error {
	id, err := inbox.AgentOf(key)
	if err != nil {
		return err
	}
	_, err = s.app.journal.Append(context.Background(), journal.Entry{Event: journal.LabelChange, Agent: id, Session: key, Data: struct {
		Added []claw.Lineage `json:"added"`
	}{add}})
	if err != nil {
		return err
	}
	if err := s.Store.AddLabels(key, add); err != nil {
		return err
	}
	s.app.proxies.recheck(s.app.life, key)
	return nil
}

// rechecker decides anew about what is open; *egress.Proxy is one.
type rechecker interface{ Recheck(ctx context.Context) }

var _ rechecker = (*egress.Proxy)(nil)

// proxies are those of the runs that go on.
type proxies struct {
	mu   sync.Mutex
	open map[rechecker]claw.SessionKey
}

func (p *proxies) add(x rechecker, key claw.SessionKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[rechecker]claw.SessionKey{}
	}
	p.open[x] = key
}

func (p *proxies) remove(x rechecker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, x)
}

// recheck decides anew what the runs of a session are connected to; "" is every
// session's (R15).
func (p *proxies) recheck(ctx context.Context, key claw.SessionKey) {
	p.mu.Lock()
	var list []rechecker
	for x, k := range p.open {
		if key == "" || k == key {
			list = append(list, x)
		}
	}
	p.mu.Unlock()
	for _, x := range list {
		x.Recheck(ctx)
	}
}

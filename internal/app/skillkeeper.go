package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/skill"
)

var _ gateway.Skills = (*overview)(nil)

// skillWorld is what a keeper of skills reaches the world through.
type skillWorld struct {
	journal *journal.Journal
	egress  *egress.Egress
	gid     int
	by      claw.Principal
}

// skillKeeper makes the keeper of a home's skills.
func skillKeeper(p configfile.Paths, c *config.Config, now posture.Posture, w skillWorld) *skill.Keeper {
	k := LookingKeeper(p, c, now)
	k.Copies.GID = w.gid
	k.Registry = c.Skills.Install.Registry.V
	k.Client = func(origin string) (*http.Client, error) {
		return w.egress.Fixed(egress.Fixed{Name: "skill registry", Origins: []string{origin}, Timeout: 2 * time.Minute})
	}
	git := starter{list: helpers()}
	k.Git = func(ctx context.Context, words ...string) ([]byte, error) {
		if err := w.noteGit(ctx, words); err != nil {
			return nil, err
		}
		return git.Output(ctx, gitHelper, words...)
	}
	k.Note = func(ctx context.Context, e skill.Event, r skill.Record) error {
		_, err := w.journal.Append(ctx, journal.Entry{Event: journal.Event(e), Principal: w.by, Data: r})
		return err
	}
	return k
}

// LookingKeeper is a keeper that only looks.
func LookingKeeper(p configfile.Paths, c *config.Config, now posture.Posture) *skill.Keeper {
	state := resolveDir(p.State)
	return &skill.Keeper{State: state, Places: skillPlaces(p, c, workspacesOf(now)), Rules: now.Skills, Now: time.Now,
		Copies: skill.Copies{Dir: filepath.Join(state, skill.CopiesDir)},
		Note:   func(context.Context, skill.Event, skill.Record) error { return errors.New("skill: this only looks") }}
}

// noteGit records whom git is about to reach.
func (w skillWorld) noteGit(ctx context.Context, words []string) error {
	for i, x := range words {
		if x != "--" || i+1 >= len(words) {
			continue
		}
		u, err := url.Parse(words[i+1])
		if err != nil || u.Hostname() == "" {
			return err
		}
		r := &record{j: w.journal}
		return r.egress(ctx, egress.Event{Kind: egress.KindClient, Client: "git", Host: policy.Host{Name: u.Hostname(), Port: 443, Scheme: u.Scheme},
			Verdict: policy.Allow, Rule: "egress.fixed_client", Reason: "the operator named this repository"})
	}
	return nil
}

// SkillsHere gives a keeper while no gateway runs, for as long as do takes.
func SkillsHere(ctx context.Context, p configfile.Paths, c *config.Config, do func(context.Context, *skill.Keeper) error) (err error) {
	j, err := journal.Open(journal.Options{Dir: p.State, Path: journalPath(p, c), Now: time.Now, Redact: filter.New(filter.Options{}).String})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	w := skillWorld{journal: j, by: operatorAct}
	if _, w.gid, err = runIdentity(p); err != nil {
		return err
	}
	r := &record{j: j}
	if w.egress, err = egress.New(egress.Options{Record: r.egress, Private: privates(c), Proxy: c.Gateway.Egress.Proxy.V, CAFile: p.Expand(c.Gateway.Egress.CAFile.V)}); err != nil {
		return err
	}
	return do(ctx, skillKeeper(p, c, posture.Of(c, World(p)), w))
}

// Skill implements gateway.Skills.
func (o *overview) Skill(ctx context.Context, act gateway.SkillAct, params json.RawMessage, by claw.Principal) (json.RawMessage, error) {
	a := o.app
	o.refresh() // the list may have just been changed
	k := skillKeeper(a.paths, a.posture.config(), a.posture.now(), skillWorld{journal: a.journal, egress: a.egress, gid: a.runGID, by: by})
	a.skills.acting.Lock()
	defer a.skills.acting.Unlock()
	v, err := DoSkill(ctx, k, act, params, by.String())
	if err != nil {
		return nil, skillFault(err)
	}
	return json.Marshal(v)
}

func skillFault(err error) error {
	var r *skill.Refusal
	switch {
	case errors.As(err, &r):
		return &gateway.Fault{Kind: gateway.Refused, Message: r.Error(), Rule: r.Rule, Hint: r.Hint}
	case errors.Is(err, fs.ErrNotExist):
		return &gateway.Fault{Kind: gateway.NotFound, Message: err.Error()}
	}
	return &gateway.Fault{Kind: gateway.Unavailable, Message: err.Error()}
}

// SkillParams are the parameters of the acts on skills.
type SkillParams struct {
	// Of search.
	Registry string `json:"registry,omitempty"`
	Words    string `json:"words,omitempty"`
	// Of stage.
	Request skill.Request `json:"request,omitzero"`
	// Of adopt: what was staged, and what was shown of it.
	ID     string `json:"id,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Of pin and remove.
	Name string     `json:"name,omitempty"`
	Word skill.Word `json:"word,omitzero"`
}

// DoSkill does one act with a keeper.
func DoSkill(ctx context.Context, k *skill.Keeper, act gateway.SkillAct, params json.RawMessage, by string) (any, error) {
	var p SkillParams
	d := json.NewDecoder(bytes.NewReader(params))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("skill: parameters: %w", err)
	}
	p.Word.By = by
	switch act {
	case gateway.SkillSearch:
		return k.Search(ctx, p.Registry, p.Words)
	case gateway.SkillStage:
		return k.Stage(ctx, p.Request)
	case gateway.SkillAdopt:
		return k.Adopt(ctx, p.ID, p.SHA256, p.Word)
	case gateway.SkillPin:
		return k.Pin(ctx, p.Name, p.Word)
	case gateway.SkillRemove:
		return k.Remove(ctx, p.Name, by)
	}
	return nil, fmt.Errorf("skill: there is no act %q", act)
}

// OperatorName is who acts on the command line, as records have it.
func OperatorName() string { return operatorAct.String() }

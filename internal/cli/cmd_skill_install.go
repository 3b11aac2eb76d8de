package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/skill"
	"github.com/openclaw-go/openclaw/internal/skillscan"
	"github.com/openclaw-go/openclaw/internal/store"
)

// skillAct does one act on the skills of this home: by the gateway while one
// runs, else here.
func (e *env) skillAct(act gateway.SkillAct, p app.SkillParams, result any) error {
	paths, l, err := e.loaded()
	if err != nil {
		return err
	}
	if _, held := store.Holder(paths.State); held {
		method := "skills." + string(act)
		return e.withGateway(func(ctx context.Context, c *client) error {
			return c.call(ctx, method, p, result)
		})
	}
	params, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return skillFailure(app.SkillsHere(e.ctx, paths, l.Config, func(ctx context.Context, k *skill.Keeper) error {
		v, err := app.DoSkill(ctx, k, act, params, app.OperatorName())
		if err != nil {
			return err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return json.Unmarshal(b, result)
	}))
}

func skillFailure(err error) error {
	var r *skill.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
		return &failure{code: exitRefused, err: err, hint: r.Hint}
	case errors.Is(err, fs.ErrNotExist):
		return &failure{code: exitUsage, err: err, hint: "openclaw skill list"}
	}
	return cannot(err, hintOf(err))
}

type installFlags struct {
	version, registry string
	yes               bool
	despite           []string
}

func (f *installFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.registry, "registry", "", "ask this registry instead of skills.install.registry")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask; only for a skill with the verdict pass")
	c.Flags().StringSliceVar(&f.despite, "despite", nil, "take it although this `rule` blocks it; each one must be named")
}

func (e *env) cmdSkillInstall() *cobra.Command {
	var f installFlags
	c := &cobra.Command{
		Use: "install SLUG|@OWNER/SLUG|PATH|ARCHIVE|git:REPOSITORY[@REF][#FOLDER]", Short: "Fetch a skill, look at it, install and pin it",
		Long: `Fetch a skill, look at it, install and pin it.

The skill is fetched to a folder of its own, checked and scanned; nothing of it
is run. What was found is shown, and you are asked. With your word it is copied
to the skills of this home and pinned: from then on it loads only as it is now.
Without a terminal --yes stands for your word, for the verdict pass only.

Under skills.policy "allowlist" only what skills.allowlist names is installed,
at the version that skills.versions names.`,
		Example: "  openclaw skill install weather\n  openclaw skill install ./my-skill\n  openclaw skill install git:owner/skills@v1#weather",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o, err := e.origin(args[0])
			if err != nil {
				return &failure{code: exitUsage, err: err}
			}
			o.Registry = f.registry
			return e.installSkill(skill.Request{Origin: o, Version: f.version}, f)
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.version, "version", "", "this version of a registry's skill")
	return c
}

func (e *env) origin(arg string) (skill.Origin, error) {
	if strings.HasPrefix(arg, "~/") {
		if p, err := e.paths(); err == nil {
			arg = p.Expand(arg)
		}
	}
	abs := func(p string) string {
		if a, err := filepath.Abs(p); err == nil {
			return a
		}
		return p
	}
	return skill.ParseOrigin(arg, abs, func(p string) (folder, file bool) {
		st, err := os.Stat(p)
		return err == nil && st.IsDir(), err == nil && st.Mode().IsRegular()
	})
}

func (e *env) installSkill(r skill.Request, f installFlags) error {
	var s skill.Staged
	if err := e.skillAct(gateway.SkillStage, app.SkillParams{Request: r}, &s); err != nil {
		return err
	}
	if s.Replaces != nil && s.Replaces.SHA256 == s.SHA256 && s.Replaces.Version == s.Version {
		e.print.note("%s is pinned as it is there", s.Name)
		if e.print.json {
			return e.print.value(s.Replaces)
		}
		return nil
	}
	e.reviewSkill(s)
	word := skill.Word{Despite: f.despite}
	switch {
	case s.Report.Verdict == skillscan.Pass && f.yes:
	case isTerminal(e.stdin):
		question := "Install and pin it?"
		if s.Report.Verdict != skillscan.Pass {
			question = "You have read the places named, and want its text followed all the same?"
		}
		if !e.yes(question) {
			return silent(exitRefused)
		}
		word.Trust = true
	case f.yes:
		return refused(fmt.Errorf("skill: --yes is for the verdict pass, and this is %s", s.Report.Verdict), "read the places named, then install it on a terminal")
	default:
		return refused(errors.New("skill: nobody is here to be asked"), "install it on a terminal, or with --yes when the verdict is pass")
	}
	var p skill.Pin
	if err := e.skillAct(gateway.SkillAdopt, app.SkillParams{ID: s.ID, SHA256: s.SHA256, Word: word}, &p); err != nil {
		return err
	}
	return e.showPin(p)
}

func (e *env) showPin(p skill.Pin) error {
	if e.print.json {
		return e.print.value(p)
	}
	e.print.row("%s %s: pinned, %d entries, %.12s, in %s", p.Name, p.Version, len(p.Files), p.SHA256, p.Folder)
	if !p.Trusted {
		e.print.note("its text counts as a stranger's, not as instructions; when you have read it: openclaw skill pin %s --trust", p.Name)
	}
	return nil
}

// reviewSkill shows what was fetched, for the person who decides.
func (e *env) reviewSkill(s skill.Staged) {
	if e.print.json {
		return
	}
	p := e.print
	p.row("%s %s", s.Name, s.Version)
	p.row("  From:     %s", s.Origin)
	p.row("  Look at:  openclaw skill source %s", filepath.Join(s.Dir, "skill"))
	for _, n := range s.Notes {
		p.row("  Note:     %s", n)
	}
	if s.Replaces != nil {
		p.row("  Replaces: version %s, pinned %s", s.Replaces.Version, s.Replaces.At.Local().Format(time.DateTime))
		for _, c := range s.Changes {
			p.row("    %-8s %s", c.How, c.Path)
		}
		e.wider(s.Replaces.Manifest, s.Report.Manifest)
	}
	m := s.Report.Manifest
	p.row("  Declares: programs %s; variables %s; tools %s", listOr(m.Declared.Programs), listOr(m.Declared.Env), listOr(m.Declared.Tools))
	e.showScan("  "+s.Name, "  "+s.Name, scannedSkill{Verdict: s.Report.Verdict, Findings: s.Report.Findings, SHA256: s.SHA256, Manifest: &m})
}

// wider says what a skill uses that it did not use when it was pinned.
func (e *env) wider(was, now skillscan.Manifest) {
	for _, x := range []struct {
		what     string
		was, now []string
	}{{"programs", was.Programs, now.Programs}, {"hosts", was.Hosts, now.Hosts}, {"variables", was.Env, now.Env}, {"paths", was.Paths, now.Paths}} {
		more := slices.DeleteFunc(slices.Clone(x.now), func(v string) bool { return slices.Contains(x.was, v) })
		if len(more) > 0 {
			e.print.row("    now also uses %s %s", x.what, listOr(more))
		}
	}
}

func (e *env) cmdSkillUpdate() *cobra.Command {
	var f installFlags
	var all bool
	c := &cobra.Command{Use: "update [NAME…] [--all]", Short: "Fetch pinned skills anew from where they came, and install what you accept",
		RunE: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usage("skill update: name skills, or give --all")
			}
			p, err := e.paths()
			if err != nil {
				return usage("%w", err)
			}
			pins, err := skill.ReadPins(p.State)
			if err != nil {
				return cannot(err, "")
			}
			if all {
				for _, x := range pins.Sorted() {
					args = append(args, x.Name)
				}
			}
			for _, name := range args {
				pin, ok := pins.Skills[name]
				if !ok {
					return &failure{code: exitUsage, err: fmt.Errorf("skill: %q is not pinned", name), hint: "openclaw skill list"}
				}
				o := pin.Origin
				o.Commit = ""
				if f.registry != "" {
					o.Registry = f.registry
				}
				if err := e.installSkill(skill.Request{Origin: o}, f); err != nil {
					return err
				}
			}
			return nil
		}}
	f.add(c)
	c.Flags().BoolVar(&all, "all", false, "every pinned skill")
	return c
}

func (e *env) cmdSkillPin() *cobra.Command {
	var w skill.Word
	c := &cobra.Command{Use: "pin NAME [--trust]", Short: "Take a skill of this home as it is now",
		Long: `Take a skill of this home as it is now.

Its version and the hash of every file are written down, and a copy is kept
that only the gateway writes: agents read and run the copy. A byte, a file or a
mode that differs from then on, and the skill does not load. Its text counts as
instructions when the verdict of the scan is pass, or with --trust.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := e.paths()
			if err != nil {
				return usage("%w", err)
			}
			if !e.meant(p, "skill", "pin", args[0]) {
				return silent(exitRefused)
			}
			var pin skill.Pin
			if err := e.skillAct(gateway.SkillPin, app.SkillParams{Name: args[0], Word: w}, &pin); err != nil {
				return err
			}
			return e.showPin(pin)
		}}
	c.Flags().BoolVar(&w.Trust, "trust", false, "take its text as instructions although the scan wants a review")
	c.Flags().StringSliceVar(&w.Despite, "despite", nil, "take it although this `rule` blocks it; each one must be named")
	return c
}

func (e *env) cmdSkillRemove() *cobra.Command {
	return &cobra.Command{Use: "remove NAME", Aliases: []string{"uninstall"}, Short: "Remove a skill and its pin", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var pin skill.Pin
			if err := e.skillAct(gateway.SkillRemove, app.SkillParams{Name: args[0]}, &pin); err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(pin)
			}
			e.print.row("%s: removed", pin.Name)
			return nil
		}}
}

func (e *env) cmdSkillSearch() *cobra.Command {
	var registry string
	c := &cobra.Command{Use: "search WORDS…", Short: "Ask the registry for skills", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			list := []skill.Listed{}
			if err := e.skillAct(gateway.SkillSearch, app.SkillParams{Registry: registry, Words: strings.Join(args, " ")}, &list); err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(list)
			}
			if len(list) == 0 {
				e.print.note("nothing was found")
			}
			for _, x := range list {
				e.print.row("%-28s %-10s %-16s %s", x.Slug, x.Version, x.Owner, x.Summary)
			}
			return nil
		}}
	c.Flags().StringVar(&registry, "registry", "", "ask this registry instead of skills.install.registry")
	return c
}

func (e *env) cmdSkillVerify() *cobra.Command {
	return &cobra.Command{Use: "verify [NAME…]", Short: "Compare skills with what was pinned", Long: `Compare skills with what was pinned.

Exit code 1 when one that was pinned, or is named, does not load.`,
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := e.skillStates()
			if err != nil {
				return err
			}
			rows := []skill.Status{}
			bad := false
			for _, s := range all {
				named := slices.Contains(args, s.Name)
				if len(args) == 0 || named {
					rows = append(rows, s)
					bad = bad || !s.Loads() && (s.Pin != nil || named)
				}
			}
			for _, name := range args {
				if !slices.ContainsFunc(rows, func(s skill.Status) bool { return s.Name == name }) {
					return &failure{code: exitUsage, err: fmt.Errorf("skill: %q is no skill of this home", name), hint: "openclaw skill list"}
				}
			}
			if e.print.json {
				if err := e.print.value(rows); err != nil {
					return err
				}
			} else {
				for _, s := range rows {
					e.print.row("%-24s %-22s %s", s.Name, s.Step.Rule, s.Step.Reason)
					if s.Step.Hint != "" {
						e.print.row("    → %s", s.Step.Hint)
					}
				}
			}
			if bad {
				return silent(exitFindings)
			}
			return nil
		}}
}

func (e *env) cmdSkillDiff() *cobra.Command {
	return &cobra.Command{Use: "diff NAME", Short: "Show what differs from what was pinned", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := e.skillLook()
			if err != nil {
				return err
			}
			text, changes, err := k.Diff(args[0])
			if err != nil {
				return skillFailure(err)
			}
			if e.print.json {
				if err := e.print.value(struct {
					Name    string         `json:"name"`
					Changes []skill.Change `json:"changes"`
					Diff    string         `json:"diff"`
				}{args[0], changes, text}); err != nil {
					return err
				}
			} else if len(changes) == 0 {
				e.print.row("%s: as it was pinned", args[0])
			} else {
				e.print.text(text)
			}
			if len(changes) > 0 {
				return silent(exitFindings)
			}
			return nil
		}}
}

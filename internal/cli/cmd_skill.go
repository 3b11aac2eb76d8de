package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/skill"
	"github.com/openclaw-go/openclaw/internal/skillscan"
)

func (e *env) cmdSkill() *cobra.Command {
	c := &cobra.Command{Use: "skill", Aliases: []string{"skills"}, Short: "Look at skills, install and pin them"}
	c.AddCommand(e.cmdSkillList(), e.cmdSkillInfo(), e.cmdSkillSource(), e.cmdSkillScan(), e.cmdSkillRules(),
		e.cmdSkillSearch(), e.cmdSkillInstall(), e.cmdSkillUpdate(), e.cmdSkillPin(), e.cmdSkillVerify(), e.cmdSkillDiff(), e.cmdSkillRemove())
	return c
}

func (e *env) cmdSkillScan() *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use: "scan NAME|PATH… [--jsonl|--sarif] [--fail-on review|block]", Short: "Say what skills do, ask for and hide",
		Long: `Say what skills do, ask for and hide.

A skill is named by its folder, or by its name when it lies where this home
looks for skills. Every file is looked at; nothing is run. The verdict is pass,
review (a person should read the places named) or block.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return e.skillScan(args, f) },
	}
	c.Flags().BoolVar(&f.jsonl, "jsonl", false, "one line of JSON a skill")
	c.Flags().BoolVar(&f.sarif, "sarif", false, "print SARIF 2.1.0")
	c.Flags().StringVar(&f.failOn, "fail-on", "", "exit 1 from this verdict on: `review` or block")
	c.MarkFlagsMutuallyExclusive("jsonl", "sarif")
	return c
}

type scanFlags struct {
	jsonl, sarif bool
	failOn       string
}

// scanned is a line of skill scan --jsonl.
type scannedSkill struct {
	Path     string              `json:"path"`
	Verdict  skillscan.Verdict   `json:"verdict"`
	Findings []skillscan.Finding `json:"findings"`
	SHA256   string              `json:"sha256"`
	Manifest *skillscan.Manifest `json:"manifest,omitempty"`
	Error    string              `json:"error,omitempty"`
}

func (e *env) skillScan(args []string, fl scanFlags) error {
	least := skillscan.Pass
	switch fl.failOn {
	case "":
	case "review":
		least = skillscan.Review
	case "block":
		least = skillscan.Block
	default:
		return usage("skill scan: --fail-on %q is not one of \"review\", \"block\"", fl.failOn)
	}
	worst, missing := skillscan.Pass, error(nil)
	var all []scannedSkill
	for _, a := range args {
		x := scannedSkill{Path: a, Findings: []skillscan.Finding{}}
		dir, files, err := e.skillFiles(a)
		if err != nil {
			if !fl.jsonl && !fl.sarif && !e.print.json {
				return err
			}
			x.Error, missing = err.Error(), err
		} else {
			r := skillscan.Scan(files)
			x.Verdict, x.Findings, x.SHA256 = r.Verdict, r.Findings, r.SHA256
			if !fl.jsonl {
				x.Manifest = &r.Manifest
			}
		}
		worst = min(worst, x.Verdict)
		switch {
		case fl.jsonl:
			if err := e.jsonLine(x); err != nil {
				return err
			}
		case e.print.json, fl.sarif:
			all = append(all, x)
		default:
			e.showScan(a, dir, x)
		}
	}
	if err := e.printScans(all, fl); err != nil {
		return err
	}
	switch {
	case missing != nil:
		return missing
	case fl.failOn != "" && worst <= least:
		return silent(exitFindings)
	}
	return nil
}

// printScans prints what is printed as a whole.
func (e *env) printScans(all []scannedSkill, f scanFlags) error {
	switch {
	case f.sarif:
		var list []skillscan.Scanned
		for _, x := range all {
			list = append(list, skillscan.Scanned{Path: x.Path, Findings: x.Findings})
		}
		return e.print.value(skillscan.SARIF(version, list))
	case e.print.json && !f.jsonl:
		return e.print.value(all)
	}
	return nil
}

// jsonLine prints one object on one line.
func (e *env) jsonLine(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := e.print.out.Write(plainJSON(b.Bytes()))
	return err
}

func (e *env) showScan(arg, dir string, x scannedSkill) {
	e.print.row("%s: %s", arg, x.Verdict)
	if dir != arg {
		e.print.row("  %s", dir)
	}
	shown := 0
	for _, f := range x.Findings {
		if shown++; shown > 60 {
			e.print.row("  … %d more", len(x.Findings)-60)
			break
		}
		at := f.File
		if f.Line > 0 {
			at = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		e.print.row("  [%s] %s %s: %s", strings.ToUpper(f.Severity.String()), f.Rule, at, ruleTitle(f.Rule))
		e.print.row("      %s", f.Evidence)
	}
	if m := x.Manifest; m != nil {
		e.print.row("  Uses: programs %s; hosts %s; variables %s", listOr(m.Programs), listOr(m.Hosts), listOr(m.Env))
	}
	e.print.row("  SHA-256: %s", x.SHA256)
}

func listOr(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}

func ruleTitle(id string) string {
	for _, r := range skillscan.Rules() {
		if r.ID == id {
			return r.Title
		}
	}
	return ""
}

// skillFiles reads a skill by its folder, or by its name in this home.
func (e *env) skillFiles(arg string) (dir string, files []skillscan.File, err error) {
	dir = arg
	if _, err := os.Lstat(arg); err != nil {
		found, err := e.skillNamed(arg)
		if err != nil {
			return "", nil, err
		}
		dir = found.Folder
	}
	files, err = skill.Read(dir)
	if err != nil {
		return "", nil, cannot(fmt.Errorf("skill: %w", err), "")
	}
	return dir, files, nil
}

// skillHere is skillFiles where a name means the skill of this home, although
// a folder here is called so too.
func (e *env) skillHere(arg string) (dir string, files []skillscan.File, err error) {
	if skill.Name(arg) == nil {
		if s, err := e.skillNamed(arg); err == nil && s.Source != "" {
			return e.skillFiles(s.Folder)
		}
	}
	return e.skillFiles(arg)
}

// skillStates says how every skill of this home stands.
func (e *env) skillStates() ([]skill.Status, error) {
	k, err := e.skillLook()
	if err != nil {
		return nil, err
	}
	var eye skill.Eye
	all, err := eye.Look(k)
	if err != nil {
		return nil, cannot(err, "")
	}
	return all, nil
}

// skillLook is a keeper of this home that only looks.
func (e *env) skillLook() (*skill.Keeper, error) {
	p, err := e.paths()
	if err != nil {
		return nil, usage("%w", err)
	}
	state, err := app.LookHome(p)
	if err != nil {
		return nil, cannot(err, "")
	}
	foreign := state == app.HomeUpstream
	l, err := configfile.Load(p, configfile.Options{Env: e.lookup, Foreign: foreign})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, cannot(err, "openclaw config validate")
	}
	world := app.World(p)
	if foreign {
		world.Owner = posture.Upstream
	}
	return app.LookingKeeper(p, l.Config, posture.Of(l.Config, world)), nil
}

// skillNamed is the one skill of this home that is called so.
func (e *env) skillNamed(name string) (skill.Status, error) {
	all, err := e.skillStates()
	if err != nil {
		return skill.Status{}, err
	}
	var found []skill.Status
	var at []string
	for _, f := range all {
		if f.Name == name {
			found, at = append(found, f), append(at, f.Folder)
		}
	}
	switch len(found) {
	case 0:
		return skill.Status{}, &failure{code: exitUsage, err: fmt.Errorf("skill: %q is neither a folder nor a skill of this home", name), hint: "openclaw skill list"}
	case 1:
		return found[0], nil
	}
	return skill.Status{}, &failure{code: exitRefused, err: fmt.Errorf("skill: %d skills are called %q: %s", len(found), name, strings.Join(at, ", ")), hint: "name the folder"}
}

func (e *env) cmdSkillList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the skills of this home with their verdicts", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := e.skillStates()
			if err != nil {
				return err
			}
			type row struct {
				Name        string            `json:"name"`
				Description string            `json:"description"`
				Source      string            `json:"source"`
				BaseDir     string            `json:"baseDir"`
				Verdict     skillscan.Verdict `json:"verdict"`
				SHA256      string            `json:"sha256"`
				Version     string            `json:"version,omitempty"`
				Loads       bool              `json:"loads"`
				Rule        policy.RuleID     `json:"rule"`
			}
			rows := []row{}
			for _, f := range all {
				x := row{Name: f.Name, Source: f.Source, BaseDir: f.Folder, Version: f.Front.Version, Loads: f.Loads(), Rule: f.Step.Rule}
				if f.Pin != nil {
					x.Version = f.Pin.Version
				}
				if files, err := skill.Read(f.Folder); err == nil {
					r := skillscan.Scan(files)
					x.Description, x.Verdict, x.SHA256 = r.Manifest.Description, r.Verdict, r.SHA256
				}
				rows = append(rows, x)
			}
			if e.print.json {
				return e.print.value(rows)
			}
			if len(rows) == 0 {
				e.print.note("no skill lies where this home looks for skills")
			}
			for _, r := range rows {
				e.print.row("%-7s %-24s %-10s %-22s %s", r.Verdict, r.Name, r.Source, r.Rule, r.Description)
			}
			return nil
		}}
}

func (e *env) cmdSkillSource() *cobra.Command {
	return &cobra.Command{Use: "source NAME|PATH", Short: "Print every file of a skill, with hidden characters made visible", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, files, err := e.skillHere(args[0])
			if err != nil {
				return err
			}
			type source struct {
				Path string `json:"path"`
				Text string `json:"text"`
			}
			out := []source{}
			for _, f := range files {
				if f.Type != skillscan.Folder {
					out = append(out, source{f.Path, skill.Text(f)})
				}
			}
			if e.print.json {
				return e.print.value(out)
			}
			for _, s := range out {
				e.print.row("==> %s <==", filepath.ToSlash(s.Path))
				e.print.text(s.Text)
				e.print.text("")
			}
			return nil
		}}
}

func (e *env) cmdSkillRules() *cobra.Command {
	return &cobra.Command{Use: "rules", Short: "List what a scan looks for", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if e.print.json {
				return e.print.value(skillscan.Rules())
			}
			for _, r := range skillscan.Rules() {
				e.print.row("%-22s %-8s %s", r.ID, r.Severity, r.Title)
			}
			return nil
		}}
}

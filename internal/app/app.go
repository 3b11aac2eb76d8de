// Package app wires the parts together: the lists of tools, models and
// sandboxes, and the life of one gateway. It judges nothing itself.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/ledger"
	"github.com/openclaw-go/openclaw/internal/metrics"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// Options of Open.
type Options struct {
	Paths configfile.Paths
	// Loaded is the configuration when it was read already.
	Loaded  *configfile.Loaded
	Version string
	// Getenv looks an environment variable up.
	Getenv func(string) string
	// Accept is the operator's word about a looser configuration.
	Accept Acceptance
	// AcceptState is the operator's word about files that were put back (R09).
	AcceptState Acceptance
	// By is who started the gateway.
	By  claw.Principal
	Log *Log
	// Passphrase asks for the passphrase of the encrypted store; nil: nobody is
	// there to type it.
	Passphrase func() (vault.Secret, error)

	rim rim
}

// rim is what reaches the world. What is nil is the real thing; a test puts
// recorders there and has the kernel watch that nothing else reaches out.
type rim struct {
	runner func(*App) (sandbox.Runner, error)
	fetch  gate.Fetcher
	client func(egress.Fixed) (*http.Client, error)
}

// App is one gateway with everything behind it.
type App struct {
	paths   configfile.Paths
	version string
	getenv  func(string) string
	log     *slog.Logger
	user    string
	started time.Time

	runUID, runGID int

	posture   *holder
	secrets   *secrets
	journal   *journal.Journal
	record    *record
	store     *store.Store
	ledger    *ledger.Book
	sessions  *sessions
	labels    *files.Labels
	proxies   proxies
	egress    *egress.Egress
	trusting  sync.Mutex
	trusted   string // the bundle that runs with placeholders trust
	rim       rim
	runner    sandbox.Runner
	machine   sandbox.Runner // runner without what is put around a run
	programs  *gate.Programs
	sealer    *gate.Sealer
	jobs      *gate.Background
	exposer   *exposer
	desk      *approval.Desk
	questions *questions
	standing  *standingAnswers
	gate      *gate.Gate
	engine    *agent.Engine
	inbox     *inbox.Inbox
	surface   *surface
	channels  *channels
	models    *models
	audits    audits
	locks     *locks
	alerts    *alerts
	counters  *metrics.Set
	skills    *skillSet

	// restricted is what this process gave up.
	restricted restriction

	// serving: the gateway listens, so that a question can be answered while a
	// turn goes on.
	serving atomic.Bool

	// accepted is called when a held configuration was accepted.
	accepted func()
	// refresh looks at the configuration's files now, as the watch would in a
	// moment; nil while nothing listens.
	refresh   func()
	rereading sync.Mutex

	life context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup

	closing sync.Once
	closed  error
}

// lookupEnv is os.LookupEnv over the environment that the command was given.
func (a *App) lookupEnv(name string) (string, bool) {
	v := a.getenv(name)
	return v, v != ""
}

func (a *App) redactor() *filter.Redactor { return a.secrets.redactor() }

// Open builds a gateway on an existing home. Nothing listens yet. An error of
// the configuration is a config.Problems; another gateway on the same state is
// an *atomicfile.HeldError.
func Open(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{paths: o.Paths, version: o.Version, getenv: o.Getenv, log: slog.New(slog.DiscardHandler), user: userName(), started: time.Now(), rim: o.rim, counters: metrics.New(time.Now)}
	if o.Log != nil {
		a.log = o.Log.Logger
		redact := a.redactor
		o.Log.redact.Store(&redact)
	}
	if err := closeMemory(); err != nil {
		return nil, err
	}
	a.life, a.end = context.WithCancel(context.Background())
	a.posture, a.secrets, a.models = &holder{app: a}, newSecrets(a, o.Passphrase), &models{app: a}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	loaded := o.Loaded
	if loaded == nil {
		if loaded, err = a.load(); err != nil {
			return nil, err
		}
	}
	if err := loaded.Problems.Err(); err != nil {
		return nil, err
	}
	if a.store, err = store.Open(store.Options{Dir: a.paths.State, Now: time.Now, Workspace: a.workspaceOf, Report: a.report("sessions"), Keep: a.keepState}); err != nil {
		return nil, err
	}
	if a.ledger, err = ledger.Open(ledger.Options{Path: filepath.Join(a.paths.State, ledger.FileName), Now: time.Now, Report: a.report("usage")}); err != nil {
		return nil, err
	}
	if a.runUID, a.runGID, err = runIdentity(a.paths); err != nil {
		return nil, err
	}
	jopt := journal.Options{Dir: a.paths.State, Path: journalPath(a.paths, loaded.Config), Now: time.Now, Redact: func(s string) string { return a.redactor().String(s) }, Report: a.report("journal"), Synced: a.counters.Synced}
	if a.journal, err = journal.Open(jopt); err != nil {
		return nil, err
	}
	a.record = &record{j: a.journal, paths: jopt}
	if err := a.checkStates(ctx, o.AcceptState, o.By); err != nil {
		return nil, err
	}
	if err := a.posture.start(ctx, loaded, o.Accept, o.By); err != nil {
		return nil, err
	}
	a.secrets.warm(ctx, a.posture.config())
	if err := a.prepareWorkspaces(); err != nil {
		return nil, err
	}
	return a, a.build()
}

// build makes the engine over what Open has prepared.
func (a *App) build() (err error) {
	if err = a.openLabels(a.life, filepath.Join(a.paths.State, labelsFile)); err != nil {
		return err
	}
	c := a.posture.config()
	if a.egress, err = egress.New(egress.Options{Record: a.recordEgress, Private: privates(c), Proxy: c.Gateway.Egress.Proxy.V, CAFile: a.paths.Expand(c.Gateway.Egress.CAFile.V),
		OwnPorts: []int{a.posture.now().Gateway.Port}, Bindings: a.bound, Secrets: a.secrets.live.Each}); err != nil {
		return err
	}
	if a.rim.runner == nil {
		a.rim.runner = newRunner
	}
	if a.rim.fetch == nil {
		a.rim.fetch = a.egress.Client()
	}
	if a.rim.client == nil {
		a.rim.client = a.egress.Fixed
	}
	if err = a.openAlerts(); err != nil {
		return err
	}
	if a.runner, err = a.rim.runner(a); err != nil {
		return err
	}
	a.machine = a.runner
	a.runner = boundRunner{a.runner, a}
	a.programs, a.sealer = gate.NewPrograms(), gate.NewSealer(filepath.Join(a.paths.State, "sandboxes", "sealed"), a.runGID)
	a.jobs = &gate.Background{Now: time.Now}
	a.desk = approval.NewDesk(approval.Options{Now: time.Now, NewID: func() claw.ApprovalID { return claw.ApprovalID(newID("")[:8]) }})
	a.sessions = &sessions{Store: a.store, app: a}
	a.surface = newSurface(a)
	a.exposer = &exposer{app: a}
	a.skills = &skillSet{app: a}
	if err = a.openStanding(); err != nil {
		return err
	}
	a.gate = gate.New(gate.Options{Rules: a.rulesOf, Standing: a.standing, History: a.history, Tools: builtTools(), Scope: a.scope, Confine: a.profile, Desk: a.desk, Journal: a.journal, Ledger: a.ledger, Redact: a.redactor, Wrap: a.wrap, Seen: a.seen,
		Nonce: func() string { return newID("") }, Present: a.present, Now: time.Now})
	a.record.skill = a.gate.SkillOf
	a.openLockdown()
	a.engine = agent.New(agent.Options{Closed: a.locks.closed, Sessions: engineSessions{a.sessions}, Gate: a.gate, Brain: a.models.Brain, Prompt: a.prompt, Emit: a.emit, Now: time.Now, NewRun: newRun})
	a.inbox = inbox.New(inbox.Options{Rules: a.posture.rules, Default: func() claw.AgentID { return a.posture.now().Default() }, Journal: a.journal, Engine: a.engine, Wrap: a.wrap})
	a.openChannels()
	return a.openQuestions()
}

// present reports whether a person can answer while the call runs.
func (a *App) present(gate.Call) bool { return a.serving.Load() }

// answered resumes the session whose question was answered.
func (a *App) answered(e approval.Event) {
	if e.Answer.State == approval.Waiting {
		return
	}
	c, ok := a.gate.Waits(e.View.ID)
	if !ok {
		return
	}
	run, err := a.engine.Answered(e.View.ID, c, c.Audience)
	if err != nil {
		a.log.Error("an answered question could not resume its session", "approval", e.View.ID, "error", err)
		return
	}
	a.questions.carriesOn(e.View.ID, run)
}

// load reads the configuration; its problems are the caller's to judge.
func (a *App) load() (*configfile.Loaded, error) {
	return configfile.Load(a.paths, configfile.Options{Env: a.lookupEnv})
}

func (a *App) report(what string) func(error) {
	return func(err error) { a.log.Error(what, "error", err) }
}

func (a *App) workspaceOf(id claw.AgentID) string {
	ag, _ := a.posture.now().Agent(id)
	return ag.Workspace
}

// journalPath is where the record lies: logging.audit.path, or the usual
// place.
func journalPath(p configfile.Paths, c *config.Config) string {
	if v := c.Logging.Audit.Path; v.Set && v.V != "" {
		if abs := p.Expand(v.V); filepath.IsAbs(abs) {
			return abs
		}
	}
	return p.Journal
}

// JournalFiles names the record of a home for reading, the gateway running or
// not. A configuration that cannot be read means the usual place.
func JournalFiles(p configfile.Paths, env func(string) (string, bool)) journal.Options {
	l, err := configfile.Load(p, configfile.Options{Env: env})
	if err != nil {
		return journal.Options{Dir: p.State}
	}
	return journal.Options{Dir: p.State, Path: journalPath(p, l.Config)}
}

// prepareWorkspaces makes the folders of the agents that exist now.
func (a *App) prepareWorkspaces() error {
	for _, ag := range a.posture.now().Agents {
		if ag.Workspace == "" {
			continue
		}
		if err := seedWorkspace(ag.Workspace, a.runUID, a.runGID); err != nil {
			return fmt.Errorf("workspace of agent %q: %w", ag.ID, err)
		}
	}
	return nil
}

// Close ends everything in the opposite order. It may be called more than once.
func (a *App) Close() error {
	a.closing.Do(func() { a.closed = a.close() })
	return a.closed
}

func (a *App) close() error {
	a.end()
	a.wg.Wait()
	var errs []error
	if a.runner != nil {
		errs = append(errs, a.runner.Close())
	}
	if a.labels != nil {
		errs = append(errs, a.labels.Close())
	}
	if a.standing != nil {
		a.standing.close()
	}
	if a.ledger != nil {
		errs = append(errs, a.ledger.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.journal != nil {
		errs = append(errs, a.journal.Close())
	}
	return errors.Join(errs...)
}

// privateOf reads an entry that names an address.
func privateOf(host string) (egress.Private, bool) {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return egress.Private{}, false
	}
	return egress.Private{Prefix: netip.PrefixFrom(addr, addr.BitLen())}, true
}

// RootError refuses to run as root without a word.
var errRoot = &HintError{Err: errors.New("refusing to run as root"),
	Advice: "run it as an ordinary user (openclaw gateway install --user), or pass --allow-root: commands of agents then run as an unprivileged uid"}

// CheckRoot refuses uid 0 unless the operator allows it.
func CheckRoot(allow bool) error {
	if runtime.GOOS != "windows" && os.Geteuid() == 0 && !allow {
		return errRoot
	}
	return nil
}

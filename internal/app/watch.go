package app

import (
	"context"
	"slices"

	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// watch applies changes of the configuration: of the file and of everything
// that it includes, as that changes.
func (a *App) watch(server *gateway.Server) {
	if a.posture.now().Gateway.Reload == "off" {
		return
	}
	files := a.posture.watched()
	for a.life.Err() == nil {
		ctx, stop := context.WithCancel(a.life)
		changed, err := configfile.Watch(ctx, files...)
		if err != nil && len(files) > 1 {
			a.log.Error("what the configuration includes is not watched", "error", err)
			changed, err = configfile.Watch(ctx, a.paths.Config)
		}
		if err != nil {
			stop()
			a.log.Error("the configuration is not watched", "error", err)
			return
		}
		// What was written between reading the files and watching them.
		a.reread(server)
		for slices.Equal(files, a.posture.watched()) {
			if _, ok := <-changed; !ok {
				break
			}
			a.reread(server)
		}
		stop()
		files = a.posture.watched()
	}
}

// reread looks at the files again; the same content is no change.
func (a *App) reread(server *gateway.Server) {
	a.rereading.Lock()
	defer a.rereading.Unlock()
	a.take(func() { a.applied(server) })
}

// take puts in force what the files say now, or holds it. The caller holds
// rereading.
func (a *App) take(applied func()) {
	if a.posture.unchanged() {
		return
	}
	before := a.posture.now().Generation
	l, err := configfile.Load(a.paths, configfile.Options{Env: a.lookupEnv})
	if a.posture.knows(l, err) {
		return
	}
	defer a.tellNews()
	if rerr := a.posture.reload(a.life, l, err); rerr != nil {
		a.log.Error("a changed configuration was not taken", "error", rerr)
		return
	}
	if why := a.posture.notInForce(); why != "" {
		a.log.Warn("the configuration on disk is not in force", "reason", why)
		return
	}
	if a.posture.now().Generation != before {
		applied()
	} else if a.serving.Load() {
		a.wg.Go(a.channels.reconcile) // where a token is belongs to no rule
	}
}

// refresh makes sure that an answer is about the files as they are: whoever
// has just written one need not wait for the watch.
func (o *overview) refresh() {
	if o.app.refresh != nil && o.app.posture.now().Gateway.Reload != "off" {
		o.app.refresh()
	}
}

// seen is what was last read of the files.
type seen struct {
	content string
	files   []string // sorted
	loaded  *configfile.Loaded
}

// contentOf names what was read, also when it could not be.
func contentOf(l *configfile.Loaded, err error) string {
	if err != nil {
		return err.Error()
	}
	return l.Hash
}

// look keeps what was read. While it does not load, what was watched before
// stays watched, so that its repair is seen. The caller holds mu.
func (h *holder) look(l *configfile.Loaded, err error) {
	files := []string{h.app.paths.Config}
	for _, f := range l.Files {
		files = append(files, f.Path)
	}
	files = append(files, l.Missing...)
	if err != nil || l.Problems.HasErrors() {
		files = append(files, h.seen.files...)
	}
	slices.Sort(files)
	h.seen = seen{contentOf(l, err), slices.Compact(files), l}
}

// unchanged reports that the files need not be read again.
func (h *holder) unchanged() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen.loaded != nil && h.seen.loaded.Unchanged()
}

func (h *holder) watched() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen.files
}

// knows reports that nothing changed since the files were read last.
func (h *holder) knows(l *configfile.Loaded, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return contentOf(l, err) == h.seen.content
}

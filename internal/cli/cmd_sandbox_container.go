package cli

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/sandbox/docker"
	"github.com/openclaw-go/openclaw/internal/store"
)

// containers opens the home's containers.
func (e *env) containers() (app.Containers, configfile.Paths, error) {
	p, err := e.existingHome()
	if err != nil {
		return nil, p, err
	}
	c, err := app.ContainersOf(p, e.getenv)
	if err != nil {
		return nil, p, cannot(err, hintOf(err))
	}
	return c, p, nil
}

func (e *env) cmdSandboxList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the containers and private folders of this home", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		c, _, err := e.containers()
		if err != nil {
			return err
		}
		list, err := c.List()
		if e.print.json {
			out := map[string]any{"sandboxes": list}
			if err != nil {
				out["unmeasured"] = err.Error()
			}
			return e.print.value(out)
		}
		for _, x := range list {
			if x.Kind == "container" {
				e.print.line("%-10s %-28s agent %s, %s, since %s, configuration %.12s", x.Kind, x.Name, x.Agent, x.State, x.Since.Format(time.DateTime), x.ConfigHash)
			} else {
				e.print.line("%-10s %-28s used %s, made %s", x.Kind, x.Name, x.Used.Format(time.DateTime), x.Since.Format(time.DateTime))
			}
		}
		if len(list) == 0 && err == nil {
			e.print.line("nothing: no command runs in a container now, and no folder is kept")
		}
		if err != nil {
			e.print.note("containers were not looked at: %v", err)
		}
		return nil
	}}
}

func (e *env) cmdSandboxRecreate() *cobra.Command {
	var w docker.Which
	var all bool
	c := &cobra.Command{
		Use:   "recreate [--all | --folder NAME]",
		Short: "End the containers of this home and empty their private folders",
		Long: `End the containers of this home and empty their private folders.

A container lives as long as one command, so another configuration holds with
the next command by itself; what lasts is the folder of a scope (sandbox list).`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if all == (w.Folder != "") {
				return usage("sandbox recreate: give --all or --folder NAME")
			}
			c, _, err := e.containers()
			if err != nil {
				return err
			}
			gone, err := c.Recreate(w)
			if e.print.json && err == nil {
				return e.print.value(map[string]any{"removed": gone})
			}
			for _, name := range gone {
				e.print.line("removed %s", name)
			}
			if err != nil {
				return cannot(err, "")
			}
			if len(gone) == 0 {
				e.print.line("nothing to remove")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&all, "all", false, "everything of this home")
	c.Flags().StringVar(&w.Folder, "folder", "", "one private folder, by the `NAME` that sandbox list prints")
	return c
}

func (e *env) cmdSandboxBuild() *cobra.Command {
	b := docker.Build{Version: version}
	var busybox string
	c := &cobra.Command{
		Use:   "build [--tag NAME] [--from IMAGE] [--busybox FILE]",
		Short: "Make the image that commands in containers run in, and pin it",
		Long: `Make the image that commands in containers run in, and pin it.

Out of this program and a static busybox, or with --from on top of a local image
that has the programs your agents need. Nothing is fetched from anywhere. What
was made is pinned by its content: it runs whatever the name means later.

Run it again after an update of openclaw: the first process of a container is
this program, and one of another build is refused.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, p, err := e.containers()
			if err != nil {
				return err
			}
			if b.Program, err = os.ReadFile("/proc/self/exe"); err != nil {
				return cannot(err, "")
			}
			if b.From == "" {
				if b.Busybox, err = os.ReadFile(busybox); err != nil {
					return cannot(err, "install busybox-static, or build on a local image: --from IMAGE")
				}
			}
			if !e.print.json {
				b.Say = func(s string) { e.print.aside(s + "\n") }
			}
			made, err := c.Build(b)
			if err != nil {
				return cannot(err, "")
			}
			if err := app.PinImage(p, made); err != nil {
				return cannot(err, "")
			}
			if e.print.json {
				return e.print.value(made)
			}
			e.print.line("%s is %s", made.Tag, made.ID)
			if _, running := store.Holder(p.State); running {
				e.print.note("the running gateway uses it from the next command on")
			}
			return nil
		},
	}
	c.Flags().StringVar(&b.Tag, "tag", posture.ContainerImage, "`NAME` of the image, as agents.defaults.sandbox.docker.image has it")
	c.Flags().StringVar(&b.From, "from", "", "local `IMAGE` to build on")
	c.Flags().StringVar(&busybox, "busybox", "/bin/busybox", "static busybox `FILE` for an image built on nothing")
	return c
}

package app

import "time"

// FailNight has the plan's nightly audit fail.
func (a *App) FailNight(err error) { a.systemTasks()[0].Failed(time.Now(), err) }

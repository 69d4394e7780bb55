/* Handlers. The one mutable global: a handler has no other way to reach its token. */
#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static struct cancel *token;

static void on_signal(int number)
{
	if (number == SIGINT && cancel_get(token) == SIGINT) {
		static const char newline[] = "\n";

		/* the store's journal makes this as safe as a kill */
		if (write(STDERR_FILENO, newline, sizeof(newline) - 1) < 0)
			_exit(130);
		_exit(130);
	}
	cancel_set(token, number);
}

void signals_install(struct cancel *cancel)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP }, ignored[] = { SIGPIPE, SIGXFSZ };
	struct sigaction sa, old;
	size_t i;

	token = cancel;
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = SIG_IGN;
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &sa, NULL);
	sa.sa_handler = on_signal;
	sa.sa_flags = SA_RESTART;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(ends[i], &sa, NULL);
}

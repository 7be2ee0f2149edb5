#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Firefox, headless: mutual TLS to a local server with the token's certificate, by protected path (nothing else is needed)
# and by plain PIN (typed into its window by its own AutoConfig, in a private view of the program folder).
# check: timeout=240
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
need firefox-esr
need modutil
need certutil
clients_start "$@"
version firefox firefox-esr --version
folder=$(dirname "$(readlink -f "$(command -v firefox-esr)")")

# Firefox picks one at random when several certificates fit: a token with one.
one_certificate() # KEY
{
	local other slots=(box:9d card:9e rsa:9a ec:9c)
	if ! piv; then
		other=ec
		[ "$1" = rsa ] || other=rsa
		u cert import --pin-file user.pin --quiet "$1.pem" 2>/dev/null
		u cert delete --key-ref "$other" --pin-file user.pin --yes --quiet
		return
	fi
	for other in "${slots[@]}"; do
		[ "${other%:*}" = "$1" ] || u cert delete --key-ref "${other#*:}" --management-key-file manager --yes --quiet 2>/dev/null
	done
	u cert import --management-key-file manager --force --quiet "$1.pem" && [ "$(u cert list --json | jq '.certificates | length')" = 1 ]
}
profile() # NAME
{
	mkdir "$1" && certutil -N -d "sql:$1" --empty-password && certutil -A -d "sql:$1" -n 'Test CA' -t CT,C,C -i ca.pem &&
		modutil -dbdir "sql:$1" -add ukey -libfile "$module" -force </dev/null >/dev/null &&
		cat >"$1/user.js" <<-'END'
			user_pref("security.default_personal_cert", "Select Automatically");
			user_pref("network.http.speculative-parallel-limit", 0);
			user_pref("network.captive-portal-service.enabled", false);
			user_pref("network.connectivity-service.enabled", false);
			user_pref("app.update.enabled", false);
			user_pref("datareporting.policy.dataSubmissionEnabled", false);
		END
}
page() # PROFILE: a picture of the page
{
	rm -f page.png
	MOZ_CRASHREPORTER_DISABLE=1 timeout 60 firefox-esr --headless --no-remote --profile "$1" --screenshot "$NS_DIR/page.png" \
		https://localhost:8443/ && [ -s page.png ]
}

printf %s "$management_key" >manager
try "a profile with the module" profile plain
try "a server" server_start
try "one certificate: rsa" one_certificate rsa

# ---- protected path ----
# It hangs when a log-in takes no time at all (somebody types at least this long): hence "slow".
protected "slow 1 $pin"
came_reset
try "protected path, RSA: the page" page plain
try "  the server saw the holder" came "holder rsa"
says "  one window" "^1$" grep -c -e -- log
try "one certificate: ec" one_certificate ec
protected "slow 1 000000" "slow 1 $pin"
came_reset
try "protected path, EC, after a wrong PIN: the page" page plain
try "  the server saw the holder" came "holder ec"
says "  two windows: Firefox did not repeat the log-in" "^2$" grep -c -e -- log
unprotected

# ---- plain PIN ----
cat >autoconfig.js <<'END'
//
pref("general.config.filename", "ukey.cfg");
pref("general.config.obscure_value", 0);
pref("general.config.sandbox_enabled", false);
END
cat >ukey.cfg <<'END'
//
Services.obs.addObserver({observe(win) {
	const d = win.Dialog;
	if (d && d.args.promptType == "promptPassword") {
		d.ui.password1Textbox.value = Services.env.get("TEST_PIN");
		d.ui.button0.click();
	}
}}, "common-dialog-loaded");
END
# A layer over the program folder, in this namespace alone.
layered()
{
	mkdir -p layer && mount -t tmpfs layer layer && mkdir -p layer/upper/defaults/pref layer/work &&
		cp autoconfig.js layer/upper/defaults/pref/ukey.js && cp ukey.cfg layer/upper/ukey.cfg &&
		chmod -R a+rX layer/upper &&
		mount -t overlay overlay -o "lowerdir=$folder,upperdir=$NS_DIR/layer/upper,workdir=$NS_DIR/layer/work" "$folder"
}
if layered 2>/dev/null; then
	export TEST_PIN=$pin
	for key in "${keys[@]}"; do
		try "one certificate: $key" one_certificate "$key"
		came_reset
		try "plain PIN, $key: the page" page plain
		try "  the server saw the holder" came "holder $key"
	done
	umount "$folder" layer
else
	echo "no layer over $folder can be mounted here: the plain PIN is not tried"
fi
server_stop
finish

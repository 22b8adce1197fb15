// SPDX-License-Identifier: ISC
// early.js: says so when app.js does not begin: too old a browser, or no whole
// page. In words of a language that old browsers know.
(function () {
	function say(what, why) {
		var main = document.getElementById("main");
		if (main.hasAttribute("data-begun") || document.getElementById("early"))
			return; // app.js speaks for itself
		var box = document.createElement("div");
		box.id = "early";
		box.className = "box error";
		box.setAttribute("role", "alert");
		[what, "Load the page again, or use another browser. Everything can be done with the program on a computer, too: aumbry signin",
			"Code: " + why].forEach(function (words) {
			var p = document.createElement("p");
			p.appendChild(document.createTextNode(words));
			box.appendChild(p);
		});
		box.firstChild.className = "what";
		box.lastChild.className = "hint";
		main.appendChild(box);
		main.removeAttribute("aria-busy");
	}
	if (!("noModule" in document.createElement("script")))
		say("This browser is too old for this page.", "update-needed");
	window.addEventListener("error", function (e) {
		if (e.target && e.target.tagName === "SCRIPT")
			say("A part of this page could not be loaded.", "server-unreachable");
		else if (e.message)
			say("This browser does not understand this page: " + e.message + ".", "update-needed");
	}, true);
	setTimeout(function () {
		say("The rest of this page does not come.", "server-unreachable");
	}, 60000);
})();

(function () {
  'use strict';
  var form = document.getElementById('filter');
  var table = document.getElementById('findings-table');
  if (!form || !table) { return; }
  var bodies = Array.prototype.slice.call(table.tBodies).map(function (body) {
    return { body: body, data: body.dataset, text: body.textContent.toLowerCase() };
  });
  var shown = document.getElementById('shown');
  function value(name) { return form.elements[name].value; }
  function apply() {
    var words = value('text').toLowerCase().split(/\s+/).filter(Boolean);
    var count = 0, total = 0, file = null, any = false, path = '';
    function close() { if (file) { file.hidden = !any; } }
    bodies.forEach(function (row) {
      if (row.data.file !== undefined) {
        close();
        file = row.body; any = false; path = row.text;
        return;
      }
      total += 1;
      var data = row.data;
      var fits = form.elements[data.severity].checked
        && (!value('kind') || value('kind') === data.kind)
        && (!value('effort') || value('effort') === data.effort)
        && (!form.elements.fix.checked || data.fix === 'safe')
        && words.every(function (word) { return row.text.indexOf(word) >= 0 || path.indexOf(word) >= 0; });
      row.body.hidden = !fits;
      if (fits) { count += 1; any = true; }
    });
    close();
    shown.textContent = 'showing ' + count + ' of ' + total;
  }
  form.addEventListener('input', apply);
  form.addEventListener('reset', function () { setTimeout(apply, 0); });
  form.addEventListener('submit', function (event) { event.preventDefault(); });
  form.hidden = false;
  apply();
})();
